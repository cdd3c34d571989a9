"""Numbers with their units, made comparable: "six months" is "6 months", "0.6 cm" is "6 mm"."""

from __future__ import annotations

import re

from chat_app.grounding.claims import lengths

Quantity = tuple[float, str]

# How many of the second unit the first is; a unit of its own kind where the names are the same.
UNITS = {
    r"years?|yrs?|year-old": (12.0, "month"),
    r"months?": (1.0, "month"),
    r"weeks?|wks?": (7.0, "day"),
    r"days?": (1.0, "day"),
    r"hours?|hrs?|h": (3600.0, "second"),
    r"minutes?|mins?": (60.0, "second"),
    r"seconds?|secs?|s": (1.0, "second"),
    r"msec|ms|milliseconds?": (0.001, "second"),
    r"kg|kilograms?": (1e6, "mg"),
    r"g|grams?": (1e3, "mg"),
    r"mg|milligrams?": (1.0, "mg"),
    r"[µu]g|mcg|micrograms?": (1e-3, "mg"),
    r"l|lit(?:er|re)s?": (1e3, "ml"),
    r"dl|decilit(?:er|re)s?": (100.0, "ml"),
    r"ml|cc|millilit(?:er|re)s?": (1.0, "ml"),
    r"%|percent|per cent": (1.0, "%"),
    r"hu|hounsfield units?": (1.0, "hu"),
    r"gy|gray": (1e3, "mgy"),
    r"mgy": (1.0, "mgy"),
    r"sv": (1e3, "msv"),
    r"msv": (1.0, "msv"),
    r"mm ?hg": (1.0, "mmhg"),
    r"m|met(?:er|re)s?": (1e3, "mm"),
    r"inch(?:es)?": (25.4, "mm"),
    r"° ?c|degrees?(?: celsius)?": (1.0, "degree"),
    r"times": (1.0, "times"),
}
_COUNTED = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
WORDS = {word: float(number) for number, word in enumerate(_COUNTED, 2)}

_NUMBER = rf"\d{{1,12}}(?:[.,]\d{{1,9}}){{0,3}}|{'|'.join(WORDS)}"
_UNIT = "|".join(UNITS)
_QUANTITY = re.compile(
    rf"(?<![\w.])(?P<first>{_NUMBER})(?:\s?(?:to|and|or|-|–)\s?(?P<last>{_NUMBER}))?"  # noqa: RUF001
    rf"(?:[\s-]?(?P<unit>{_UNIT})(?P<per>(?:/|\sper\s)\w{{1,6}})?)?(?![\w])"
)
MEASURE = re.compile(rf"(?:{_NUMBER}|{_UNIT}|mm|cm)")
_THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")


def quantities(text: str) -> frozenset[Quantity]:
    """Every number in the text with its unit, "" for none; of a range both ends."""
    low, found = text.lower(), set[Quantity]()
    for length in reversed(list(lengths(low))):
        found |= {(mm, "mm") for mm in length.mm}
        low = f"{low[: length.start]} ~ {low[length.end :]}"
    for match in _QUANTITY.finditer(low):
        factor, unit = _unit(match["unit"] or "")
        per = (match["per"] or "").replace(" per ", "/")
        numbers = filter(None, (match["first"], match["last"]))
        found |= {(round(_value(number) * factor, 6), unit + per) for number in numbers}
    return frozenset(found)


def _unit(said: str) -> tuple[float, str]:
    return next((made for pattern, made in UNITS.items() if re.fullmatch(pattern, said)), (1.0, ""))


def _value(number: str) -> float:
    if number in WORDS:
        return WORDS[number]
    plain = _THOUSANDS.sub("", number).replace(",", ".")
    whole, *rest = plain.split(".")
    return float(f"{whole}.{''.join(rest) or 0}")
