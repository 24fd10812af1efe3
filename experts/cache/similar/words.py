"""Words that carry a fact by themselves, in lower case."""

from __future__ import annotations

_NUMBERS = """
zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand
million billion trillion half third quarter twice double triple dozen second fourth fifth sixth
seventh eighth ninth tenth once single both
"""
_DATES = """
january february march april may june july august september october november december monday tuesday
wednesday thursday friday saturday sunday today tomorrow yesterday tonight now currently century
decade year month week day hour minute daily weekly monthly yearly annual spring summer autumn fall
winter morning afternoon evening night noon midnight last next previous past future
"""
_NEGATIONS = """
not no never without none neither nor cannot except nobody nothing nowhere hardly avoid nicht kein
keine nie ohne non ne pas jamais sans sin nunca ningún não sem nem
"""
_OPPOSITES = """
increase/decrease raise/lower start/stop begin/end enable/disable install/uninstall add/remove
buy/sell open/close lock/unlock connect/disconnect import/export encode/decode encrypt/decrypt
upload/download best/worst highest/lowest largest/smallest biggest/smallest longest/shortest
fastest/slowest oldest/newest oldest/youngest most/least more/less more/fewer maximum/minimum max/min
first/last before/after above/below over/under up/down left/right in/out inside/outside hot/cold
warm/cold gain/lose push/pull send/receive win/lose advantage/disadvantage advantages/disadvantages
pros/cons benefit/risk benefits/risks legal/illegal safe/dangerous male/female men/women boy/girl
boys/girls father/mother ascending/descending positive/negative true/false even/odd input/output
public/private free/paid north/south east/west allow/deny accept/reject include/exclude show/hide
create/delete cheap/expensive cheapest/expensive early/late easy/hard
on/off into/out in/off one/all some/all any/all each/all plural/singular with/without
lend/borrow employer/employee landlord/tenant buyer/seller adult/child adults/children dog/cat
dogs/cats freeze/melt freezing/boiling sunrise/sunset debit/credit asset/liability deposit/withdraw
predator/prey cause/cure causes/symptoms symptoms/treatment horizontal/vertical row/column
rows/columns upper/lower introduction/conclusion
"""
_AMOUNTS = "many much long often far big old fast tall high deep heavy soon"
_PAST = "did didn't was wasn't were weren't had hadn't"
_PERSONS = {
    "asks": "my mine our ours",
    "asked": "your yours",
    "else": "his her hers their theirs",
}
_SMALL = {
    "en": "the is are of and to in how what why does do can my for with which who a an i",
    "de": "der die das ist und zu wie was warum ich mein für mit ein eine den kann welche wer",
    "fr": "le la les est et de comment quoi pourquoi je mon ma pour avec un une des quel quelle qui",
    "es": "el los las es y cómo qué por mi para con un una cuál quién puedo del como que",
    "it": "il lo gli è e di come cosa perché mio per con un una quale chi posso della che",
    "pt": "o os é e de como que por meu para com um uma qual quem posso da do não",
    "nl": "de het is en van hoe wat waarom ik mijn voor met een welke wie kan",
}

NUMBERS = frozenset(_NUMBERS.split())
"""For numbers; "one" is also a pronoun, and not among them."""
DATES = frozenset(_DATES.split())
"""For times."""
NEGATIONS = frozenset(_NEGATIONS.split())
"""That negate, in several languages."""
OPPOSITES = tuple(frozenset(pair.split("/")) for pair in _OPPOSITES.split())
"""Pairs that questions are often turned round by."""
SMALL = {language: frozenset(words.split()) for language, words in _SMALL.items()}
"""That a language is told by."""
QUESTIONS = {
    "when": "when",
    "where": "where",
    "why": "why",
    "who": "who",
    "whom": "who",
    "whose": "whose",
}
"""That ask for one thing, and what for."""
AMOUNTS = frozenset(_AMOUNTS.split())
"""That ask for an amount behind "how"."""
PERSONS = {word: person for person, words in _PERSONS.items() for word in words.split()}
"""Whose something is."""
PAST = frozenset(_PAST.split())
"""That ask of what has been."""
