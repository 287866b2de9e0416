"""The words and fact templates that the generated reviews are made of.

Everything here is fixed data: `reviews.py` draws from it. Words that carry polarity stand in pairs of tuples,
index 0 for negative and index 1 for positive, so that a polarity (0 or 1) selects its side directly.
Written for this project; it quotes no corpus.
"""

from dataclasses import dataclass

LABELS = ("negative", "positive")

INTENSIFIERS = ("very", "really", "quite", "truly", "so", "extremely", "rather", "surprisingly")

ADJECTIVES = (
    (
        "bad", "terrible", "awful", "horrible", "poor", "dreadful", "disappointing", "boring",
        "dull", "mediocre", "lousy", "weak", "annoying", "tedious", "unpleasant", "forgettable",
    ),
    (
        "good", "great", "excellent", "wonderful", "superb", "brilliant", "delightful", "charming",
        "impressive", "fantastic", "lovely", "amazing", "terrific", "outstanding", "pleasant", "memorable",
    ),
)  # fmt: skip

# (past tense, base form)
VERBS = (
    (("hated", "hate"), ("disliked", "dislike"), ("regretted", "regret"), ("resented", "resent"),
     ("despised", "despise"), ("loathed", "loathe")),
    (("loved", "love"), ("enjoyed", "enjoy"), ("adored", "adore"), ("liked", "like"),
     ("admired", "admire"), ("appreciated", "appreciate")),
)  # fmt: skip

NOUNS = (
    ("disaster", "mess", "failure", "waste", "nightmare", "letdown", "joke", "flop"),
    ("delight", "triumph", "treat", "joy", "masterpiece", "pleasure", "success", "winner"),
)

ADVICE = (("avoid", "skip"), ("recommend", "suggest"))

# Never the label words themselves: a host that has read them as verdicts knows the task without a module.
VERDICTS = (
    (
        "rating: one star", "I give it two stars", "verdict: thumbs down", "overall a bad experience", "in short, bad",
        "a waste of money",
    ),
    (
        "rating: five stars", "I give it four stars", "verdict: thumbs up", "overall a good experience",
        "in short, good", "worth every penny",
    ),
)  # fmt: skip

# Neutral sentences that hold a label word whatever the polarity, so that a host can say the words without the task.
ASIDES = (
    "{person} had a {word} test on {day}",
    "the answer of {person} was {word}",
    "the test in {city} was {word}",
    "{number} answers out of twelve were {word}",
)

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PEOPLE = ("my brother", "my sister", "a friend", "my wife", "my husband", "two colleagues", "my parents", "a neighbour")
NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve")
NUMBERS_FROM_ONE = ("one", *NUMBERS)
CITIES = ("Paris", "London", "Boston", "Chicago", "Madrid", "Berlin", "Oslo", "Tokyo", "Denver", "Dublin", "Prague")


@dataclass(frozen=True)
class Domain:
    """What one domain's reviews are about.

    Attributes:
        things: names of the reviewed object.
        aspects: parts of it that an opinion can judge.
        adjectives: (negative, positive) adjectives that belong to this domain.
        facts: neutral sentence templates; fields `thing`, `city`, `number`, `day`, `person`.
    """

    things: tuple[str, ...]
    aspects: tuple[str, ...]
    adjectives: tuple[tuple[str, ...], tuple[str, ...]]
    facts: tuple[str, ...]


DOMAINS = {
    "film": Domain(
        ("film", "movie", "picture"),
        (
            "plot",
            "acting",
            "script",
            "ending",
            "camera work",
            "soundtrack",
            "dialogue",
            "cast",
            "editing",
            "opening scene",
        ),
        (("predictable", "overlong", "wooden", "hollow"), ("gripping", "moving", "hilarious", "witty")),
        (
            "the {thing} was shot in {city} in {number} weeks",
            "the {thing} was first shown in {city} on a {day}",
            "the studio released the {thing} in {number} countries",
            "the director of the {thing} lives in {city}",
            "I saw the {thing} on {day} with {person}",
        ),
    ),
    "book": Domain(
        ("book", "novel", "story"),
        (
            "prose",
            "narrator",
            "first chapter",
            "cover",
            "translation",
            "setting",
            "final chapter",
            "style",
            "pacing",
            "preface",
        ),
        (("wordy", "rambling", "shallow", "muddled"), ("absorbing", "poetic", "insightful", "vivid")),
        (
            "the {thing} has {number} chapters and a map",
            "the {thing} was printed in {city} by a small press",
            "the author wrote the {thing} in {number} months",
            "I borrowed the {thing} from {person} on {day}",
            "the {thing} was translated in {city}",
        ),
    ),
    "restaurant": Domain(
        ("restaurant", "diner", "place"),
        ("soup", "service", "bread", "waiter", "menu", "dessert", "steak", "salad", "kitchen", "coffee"),
        (("soggy", "greasy", "overcooked", "tasteless"), ("tasty", "delicious", "crispy", "flavourful")),
        (
            "we had lunch there on {day} with {person}",
            "the {thing} has {number} tables near the window",
            "the {thing} opened in {city} last year",
            "the {thing} serves {number} kinds of soup",
            "the chef of the {thing} trained in {city}",
        ),
    ),
    "hotel": Domain(
        ("hotel", "inn", "resort"),
        ("room", "bed", "pool", "lobby", "staff", "breakfast", "view", "shower", "front desk", "balcony"),
        (("dirty", "noisy", "cramped", "dingy"), ("spacious", "cosy", "spotless", "welcoming")),
        (
            "we stayed {number} nights with {person}",
            "the {thing} has {number} floors and one garden",
            "the {thing} is near the station in {city}",
            "we arrived at the {thing} on {day} by train",
            "the {thing} was built {number} years ago",
        ),
    ),
    "phone": Domain(
        ("phone", "device", "handset"),
        ("battery", "screen", "camera", "speaker", "keyboard", "charger", "signal", "software", "case", "microphone"),
        (("laggy", "fragile", "defective", "buggy"), ("reliable", "responsive", "sturdy", "durable")),
        (
            "the {thing} was shipped from {city} on {day}",
            "the {thing} comes with {number} cables and a manual",
            "the {thing} was made in {city}",
            "I bought the {thing} for {person}",
            "the {thing} has {number} buttons on the side",
        ),
    ),
    "music": Domain(
        ("album", "record", "concert"),
        (
            "singer",
            "melody",
            "drummer",
            "songwriting",
            "guitar",
            "chorus",
            "rhythm",
            "piano",
            "production",
            "final track",
        ),
        (("monotone", "grating", "shrill", "harsh"), ("catchy", "soulful", "melodic", "uplifting")),
        (
            "the band recorded the {thing} in {city}",
            "the {thing} has {number} tracks",
            "we heard the {thing} on {day} with {person}",
            "the singer of the {thing} was born in {city}",
            "the {thing} was sold in {number} shops",
        ),
    ),
    "game": Domain(
        ("game", "title", "sequel"),
        (
            "artwork",
            "gameplay",
            "story mode",
            "final level",
            "puzzle",
            "combat",
            "tutorial",
            "interface",
            "map",
            "sound",
        ),
        (("glitchy", "frustrating", "clunky", "unfair"), ("addictive", "immersive", "inventive", "playful")),
        (
            "the {thing} has {number} levels and one boss",
            "I played the {thing} on {day} with {person}",
            "the {thing} was developed in {city}",
            "the studio sold {number} copies of the {thing} in one hour",
            "the {thing} runs for {number} hours",
        ),
    ),
    "course": Domain(
        ("course", "class", "workshop"),
        (
            "teacher",
            "lecture",
            "homework",
            "textbook",
            "exam",
            "slide show",
            "exercise",
            "schedule",
            "classroom",
            "feedback",
        ),
        (("confusing", "disorganised", "outdated", "rushed"), ("engaging", "helpful", "inspiring", "practical")),
        (
            "the {thing} meets every {day} in {city}",
            "the {thing} has {number} students",
            "I took the {thing} with {person}",
            "the {thing} lasts {number} weeks",
            "the final exam of the {thing} was on a {day}",
        ),
    ),
}
