module duostoryteller

go 1.26
