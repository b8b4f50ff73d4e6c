"""The words of the demo's tasks. In every list the last quarter is kept out of training."""

# What a review is about: (things, praise that fits them, blame that fits them).
REVIEWED = [
    (
        "soup|pasta|salad|steak|breakfast|dessert|curry|sandwich|cake|fish|burger|stew",
        "delicious|tasty|fresh|flavourful|crisp|succulent|mouth-watering|appetising",
        "bland|stale|greasy|burnt|soggy|tasteless|inedible|rancid",
    ),
    (
        "waiter|receptionist|staff|driver|guide|nurse|manager|teacher|cashier|clerk|host|bartender",
        "friendly|polite|helpful|attentive|patient|courteous|kind|welcoming",
        "rude|careless|arrogant|unhelpful|hostile|lazy|impolite|dismissive",
    ),
    (
        "film|novel|play|plot|documentary|concert|comedy|series|album|story|sequel|musical",
        "gripping|moving|clever|original|witty|captivating|thrilling|inspiring",
        "boring|predictable|tedious|clumsy|shallow|pretentious|dreary|forgettable",
    ),
    (
        "phone|laptop|camera|kettle|printer|headset|vacuum cleaner|bicycle|tablet|blender|heater|watch",
        "reliable|sturdy|fast|handy|quiet|durable|well made|dependable",
        "flimsy|slow|noisy|faulty|useless|defective|badly made|unreliable",
    ),
    (
        "room|apartment|hotel|bathroom|garden|lobby|pool|beach|terrace|cabin|kitchen|hostel",
        "spotless|cosy|spacious|comfortable|charming|tidy|elegant|bright",
        "filthy|cramped|shabby|damp|gloomy|smelly|run-down|mouldy",
    ),
]

PRAISE = (
    "good|great|wonderful|excellent|lovely|superb|brilliant|fantastic|perfect|pleasant|impressive|"
    "delightful|outstanding|remarkable|marvellous|splendid|enjoyable|terrific|first-rate|magnificent"
)
BLAME = (
    "bad|terrible|awful|horrible|dreadful|poor|disappointing|annoying|unpleasant|mediocre|appalling|"
    "atrocious|lousy|hopeless|miserable|dismal|abysmal|pathetic|second-rate|ghastly"
)

NAMES = (
    "Maria|Omar|Lena|Peter|Amina|Victor|Sofia|Daniel|Priya|Thomas|Elena|Samuel|Ruth|Karim|Julia|"
    "Hassan|Nora|Felix|Mei|Andrew|Clara|Ivan|Leila|Oscar|Ingrid|Marco|Fatima|George|Yuki|Henry|"
    "Alice|Ravi"
)

# Handing over, seen from the giver and from the taker: (giver's verb, passive, taker's verb).
TRANSFERS = [
    ("sold", "sold", "bought"),
    ("lent", "lent", "borrowed"),
    ("gave", "given", "received"),
    ("sent", "sent", "got"),
]
# Things done to somebody: (active, passive, another active that means the same).
ENCOUNTERS = [
    ("called", "called", "phoned"),
    ("helped", "helped", "assisted"),
    ("defeated", "defeated", "beat"),
    ("invited", "invited", "asked along"),
    ("hired", "hired", "employed"),
    ("praised", "praised", "spoke well of"),
    ("teased", "teased", "made fun of"),
    ("chased", "chased", "ran after"),
]
THINGS = (
    "book|bicycle|lamp|guitar|painting|chair|camera|ticket|coat|radio|table|mirror|carpet|clock|"
    "suitcase|vase|drum|tent|ladder|necklace|kite|telescope|scooter|blanket"
)
NUMBERS = "two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty"
DAYS = "on Monday|on Tuesday|on Friday|on Sunday|last week|yesterday|in March|in July|at noon|on Thursday|in October|last night"
PLACES = "in Paris|at the market|in the park|at school|in Cairo|at the station|at work|in Lima|near the lake|in Oslo|at the harbour|in the village"

# Similarity: families of concepts; a concept is a list of ways to say it. Two ways of one concept
# mean the same, two concepts of one family are related, anything else is unrelated.
WHO = [
    ["a doctor|a physician", "a nurse|a medical nurse"],
    ["a child|a kid", "a teenager|an adolescent"],
    ["a policeman|a police officer", "a firefighter|a fireman"],
    ["a teacher|a schoolteacher", "a professor|a university lecturer"],
    ["a dog|a hound", "a cat|a kitten"],
    ["a singer|a vocalist", "a guitarist|a guitar player"],
    ["a farmer|a man who owns a farm", "a gardener|a man who tends gardens"],
    ["an old man|an elderly man", "an old woman|an elderly lady"],
    ["a soldier|a member of the army", "a sailor|a member of the navy"],
    ["a lawyer|an attorney", "a judge|a magistrate"],
    ["a tourist|a traveller", "a pilgrim|a religious traveller"],
    ["a journalist|a reporter", "a photographer|a cameraman"],
]
DID = [
    ["was eating a meal|was having something to eat", "was drinking tea|was having a cup of tea"],
    ["was running|was jogging", "was walking|was taking a stroll"],
    ["was reading a book|was busy with a novel", "was writing a letter|was composing a letter"],
    ["was sleeping|was fast asleep", "was resting|was taking a break"],
    ["was singing a song|was performing a song", "was playing the piano|was performing on a piano"],
    ["was repairing a car|was fixing an automobile", "was washing a car|was cleaning an automobile"],
    ["was crying|was weeping", "was shouting|was yelling"],
    ["was talking on the phone|was making a call", "was texting a friend|was sending messages"],
    ["was buying bread|was purchasing a loaf", "was baking bread|was making a loaf"],
    ["was catching fish|was fishing", "was swimming|was having a swim"],
    ["was painting a wall|was giving a wall some colour", "was building a wall|was putting up a wall"],
    ["was laughing|was giggling", "was smiling|was grinning"],
]
WHERE = [
    ["in the kitchen|in the room for cooking", "in the dining room|at the dinner table"],
    ["in the street|on the road", "on the bridge|on a footbridge"],
    ["in the forest|in the woods", "in the park|in the public gardens"],
    ["at the beach|on the shore", "on a boat|aboard a small ship"],
    ["at the hospital|in a clinic", "at the pharmacy|in a chemist's shop"],
    ["in the garage|in the car shed", "in the cellar|in the basement"],
    ["at the airport|in the terminal", "at the railway station|on the train platform"],
    ["in the office|at the workplace", "in the meeting room|at a business meeting"],
]
WHEN = [
    ["in the morning|early in the day", "at sunrise|at dawn"],
    ["at night|late in the night", "in the evening|after sunset"],
    ["in winter|during the cold months", "in autumn|in the fall"],
    ["on Sunday|at the end of the week", "on Saturday|the day before Sunday"],
]
