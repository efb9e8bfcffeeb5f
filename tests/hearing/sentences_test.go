package hearing

import "strings"

// outside are 100 sentences that are not in the grammar, some nearly so. None
// was used to choose the thresholds.
func outside() []string {
	return strings.Split(strings.TrimSpace(`
I left my glasses on the kitchen table
The bus to the airport is always late
Would you like some more potatoes
We went swimming in the lake yesterday
Her new phone has a broken screen
Can we have spaghetti for dinner tonight
The museum is free on the first Sunday
He forgot to lock the front door again
My sister is learning to play the violin
What did the teacher say about the test
It will be dark before we get home
Put the dishes in the sink please
The batteries in this clock are empty
I do not like getting up so early
Somebody has parked in front of the garage
Two tickets for the evening show please
She bought a red bicycle for her daughter
The coffee machine needs some water
Is there a pharmacy near the station
They are building a bridge over the river
My father used to be a baker
You should call your grandmother on Sunday
The internet connection is very slow today
Do we still have some butter in the fridge
A story that nobody believes
Turn the volume down a bit
Make it quieter in here please
That was louder than a thunderstorm
Stop the car at the next corner
Do not do that again
Tell me how to get to the city hall
Tell me the truth
Tell me a riddle about numbers
Read me the first chapter of this book
Read the instructions before you begin
Once we lived in a small village
Once upon a hill stood an old tower
There was nobody at the bus stop
Hello is anybody at home
Hello doctor my knee hurts
Good night and sleep well
Happy birthday to you
I would like to pay by card
The printer is out of paper
How many people live in Canada
Remind me to water the plants
Set a timer for twenty minutes
Play some music by Mozart
What is the capital of Australia
Switch on the lamp in the living room
The dog has been barking all night
There is a cat on the roof of the house
We saw a big elephant at the circus
The little boat was painted blue
Her horse won the race last summer
The princess lives in London
I read about dinosaurs in a magazine
Robots are used in many factories
A tiger escaped from the zoo this morning
The garden needs some rain
Please send it to my new address
Eleven plus seven is eighteen
January February March April
Left right left right
Up and down the stairs all day
Yes of course you can
No not at all
Maybe tomorrow afternoon
Just a moment
What
Really
Oh my goodness
Come here
Go away
Wait for me
Never mind
Nice to meet you
See you later
Be careful on the ice
I am not sure about this
It does not matter any more
We have known each other for years
The results will be published next week
Prices have gone up by five percent
The government announced new rules
He scored a goal in the last minute
The recipe says to stir it slowly
My tooth has been hurting since Monday
The lift is out of order so take the stairs
Did anyone hear the doorbell
These shoes are half a size too small
Our neighbours are moving to Spain
The water in the pool was freezing
I have seen this film at least three times
She speaks four languages fluently
Keep the change
The baby finally fell asleep
Let me think about it for a second
You have reached the voice mail of Doctor Brown
Why is the sky blue and the grass green`), "\n")
}
