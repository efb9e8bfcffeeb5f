package hearing

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"duostoryteller/app/hearing"
)

// tuneVariable asks for what the limits of package hearing were chosen by.
const tuneVariable = "STORYTELLER_HEARING_TUNE"

// TestTuned shows how far apart the tuning speakers' wishes and other sentences
// are, to choose the limits of doubt by, and holds the limits to it. What follows
// of them for other speakers is measured by TestUnderstood and TestRejected.
func TestTuned(t *testing.T) {
	if os.Getenv(tuneVariable) == "" {
		t.Skip(tuneVariable + " is not set")
	}
	w, speakers := words(t), tuningSpeakers()
	all := ears(t, w, 2)
	var trials []trial
	for _, u := range utterances(w, speakers, 100, 77) {
		say := sync.OnceValues(func() ([]int16, error) { return u.speaker.say(t.Context(), u.text) })
		for _, snr := range []float64{clean, 10} {
			trials = append(trials, trial{u.text, u.want, snr, say})
		}
	}
	for i, text := range tuningSentences() {
		s := speakers[i%len(speakers)]
		trials = append(trials, trial{text, hearing.Understood{}, clean, func() ([]int16, error) { return s.say(t.Context(), text) }})
	}

	var mu sync.Mutex
	var right, other []float64 // doubt
	believed, mistaken, sentences := 0, 0, 0
	listenToAll(t, all, trials, func(j trial, got []hearing.Heard) {
		mu.Lock()
		defer mu.Unlock()
		if j.want.Command == hearing.Nothing {
			sentences++
		}
		for _, h := range got {
			is := h.Command != hearing.Nothing
			switch {
			case j.want.Command == hearing.Nothing:
				other = append(other, h.Doubt.Sum())
				if is {
					mistaken++
				}
			case w.Understand(h.Words) == j.want:
				right = append(right, h.Doubt.Sum())
				if is {
					believed++
				}
			}
		}
	})
	slices.Sort(right)
	slices.Sort(other)
	at := func(s []float64, share float64) float64 { return s[int(share*float64(len(s)-1))] }
	if len(right) == 0 || len(other) == 0 {
		t.Fatalf("%d wishes made out, %d other sentences", len(right), len(other))
	}
	t.Logf("doubt about %d wishes made out: median %.0f, 90 %% %.0f, 98 %% %.0f, most %.0f; %d believed",
		len(right), at(right, 0.5), at(right, 0.9), at(right, 0.98), at(right, 1), believed)
	t.Logf("about %d other utterances: least %.0f, 2 %% %.0f, 5 %% %.0f, median %.0f; %d of %d sentences believed",
		len(other), other[0], at(other, 0.02), at(other, 0.05), at(other, 0.5), mistaken, sentences)
	if believed*100 < 97*len(right) {
		t.Errorf("%d of %d wishes that were made out are believed; want 97 %%", believed, len(right))
	}
	if mistaken*100 > 4*sentences {
		t.Errorf("%d of %d other sentences are believed; want 4 %% at most", mistaken, sentences)
	}
}

// tuningSentences are sentences that are not in the grammar, some nearly so, to
// choose the limits with.
func tuningSentences() []string {
	return strings.Split(strings.TrimSpace(`
Where did you put the scissors yesterday
The train to London leaves at half past nine
I think it is going to rain this afternoon
My brother works in a hospital
Could you pass me the salt and the pepper
We have to clean the windows before Easter
The shop on the corner sells fresh bread
He has been waiting for two hours
Do you know the name of this song
It was the best holiday of my life
Grandpa is sleeping on the sofa
Our car needs new tyres this winter
The soup is still too hot to eat
She works at the post office in town
Which way is it to the market square
I cannot find my keys anywhere
There will be a meeting on Thursday
The children are playing in the yard
Last night we watched a very long movie
Turn left after the second traffic light
You can borrow my umbrella if you like
The doctor told him to drink more water
Everybody laughed at his joke
This computer is older than my son
We ran out of milk this morning
The plane landed twenty minutes early
Somewhere a window was broken
I prefer tea without any sugar
Nobody answered the telephone
The teacher wrote a word on the board
Tell me when you are ready
Tell me about your work
Tell him I will be late
Read me the weather report
Read the news to me
Read it out loud please
A story about nothing at all
A story of two cities
Another cup of tea please
Another day another dollar
Stop talking to strangers
Stop that noise at once
Speak a little louder
Could you be quieter please
Once more with feeling
Once in a while we go out
Hello my friend how are you
Hello there is anyone here
Please give me the newspaper
Please close the door behind you
There was an accident on the motorway
There was no sugar left in the jar
My dog likes to swim in the river
The cat ate all of the fish
A horse was standing in the field
The boat sank near the harbour
We need flowers for the garden party
The monkey stole a banana from the tourist
My favourite animal is the penguin
Jack and Jill went up the hill
Peter has a new job in the city
Lily of the valley smells sweet
Oliver did not come to school today
The castle is closed on Mondays
A balloon burst and frightened the baby
The wizard of Oz is my favourite film
Dinosaurs died out a long time ago
That rabbit eats our carrots
Rosie and Jim are on television
Snow is falling on the mountains
Nine ten eleven twelve
Monday Tuesday Wednesday
Thank you very much
You are welcome
Good morning everybody
How do you do
Wait a minute
What time is it
Where are you
Who is there
I do not know
That is enough
All right then
Of course not
See you tomorrow
Excuse me
Watch out
Hurry up
Sit down please
Well done
In the beginning everything was dark
The price of petrol went up again last month
A bird in the hand is worth two in the bush
Scientists have discovered a new planet
The football match was cancelled because of the snow
She plays the piano and he plays the drums
Mix the flour with three eggs and some butter
The battery of my phone is nearly empty
Tickets can be bought at the counter over there
The bridge will be closed for repairs until August
He never remembers anybody's birthday
The library opens at ten o'clock
I need a haircut before the wedding
We are moving into a bigger flat in spring
The lamp in the hallway does not work
They sailed around the world in three years
Is this seat taken
Your shoelaces are undone
The milk has gone sour
Pick up the toys from the floor`), "\n")
}
