"""What of a conversation fits a model's context: pictures pinned, recent turns whole, older ones cut.

It knows no tokenizer: the caller says how many tokens a text and a picture take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from chat_app.errors import BadQuestion, SetupError
from chat_app.records import Contract, Conversation, Turn

# What a chat template writes around one message (role, end of turn): about 5 for LLaVA's and ChatML's.
MESSAGE_TOKENS = 8

# The least room kept for a question when pictures are counted; about one short sentence.
LEAST_TOKENS = 32


@dataclass(frozen=True)
class Kept:
    """What the model will be sent, and how full its context is with it.

    images: the names of every picture sent, oldest first. dropped: turns cut for want of room. absent: names
    of pictures left out because the model takes no more at once. used, budget: tokens, the answer's own room
    not counted.
    """

    turns: tuple[Turn, ...]
    images: tuple[str, ...]
    dropped: int
    absent: tuple[str, ...]
    used: int
    budget: int

    @property
    def fullness(self) -> float:
        """Share of the budget used, 0 to 1, for the page's meter."""
        return min(1.0, self.used / self.budget)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader must know about what the model no longer sees, as sentences."""
        found = []
        if self.dropped:
            what = "The earliest turn was" if self.dropped == 1 else f"The {self.dropped} earliest turns were"
            found.append(f"{what} not read for this answer: the conversation is longer than the model holds.")
        if self.absent:
            found.append(f"Not shown to the model for this answer: {_and(self.absent)}.")
        return tuple(found)


def window(
    conversation: Conversation,
    question: str,
    images: Sequence[str],
    contract: Contract,
    count: Callable[[str], int],
    image_tokens: int,
    *,
    system: str = "",
    reserve: int = 256,
) -> Kept:
    """The turns and pictures to send with `question`, which is about `images`.

    Turns are cut from the front, and in large steps: when the budget is passed, down to half of what turns
    may take. Where the cut lies follows from the conversation alone and moves only when the budget is passed
    again, so the beginning of the prompt, and with it a prefix cache, survives from turn to turn.

    count: tokens of a text. image_tokens: tokens of one picture. reserve: tokens kept free for the answer.

    Raises:
        BadQuestion: the question, or its pictures, are more than the model can take.
        SetupError: the model has no room for any question beside its pictures.
    """
    budget = contract.context - reserve
    fixed = count(system) + MESSAGE_TOKENS if system else 0
    most = _most(len(set(images)), contract, budget - fixed, image_tokens)
    pinned, absent = _pinned(conversation, images, most)
    turns = [turn for turn in conversation.turns if set(turn.images) <= set(pinned)]
    asked = [*((turn.asked, turn.images) for turn in turns), (question, tuple(images))]
    rooms = list(_rooms(asked, budget - fixed, count, image_tokens))
    if rooms[-1] < 0:
        size = count(question)
        room = size + rooms[-1]
        raise BadQuestion(f"The question takes {size} tokens and there is room for {room}: shorten it.")
    costs = [_cost(turn, count) for turn in turns]
    cut = _cut(costs, rooms)
    used = budget - rooms[-1] + sum(costs[cut:])
    # With one picture at a time the turns about the others are set aside by rule, not for want of room.
    return Kept(tuple(turns[cut:]), pinned, cut, absent if contract.most_images > 1 else (), used, budget)


def _most(asked: int, contract: Contract, room: int, image_tokens: int) -> int:
    """How many pictures are sent at most, by what the model takes at once and by what its context holds."""
    fitting = (room - LEAST_TOKENS) // max(1, image_tokens)
    if fitting < 1:
        raise SetupError("The model's context holds no picture and question: choose one with a larger one.")
    most = min(contract.most_images, fitting)
    if asked > most:
        number = "one picture" if most == 1 else f"{most} pictures"
        raise BadQuestion(f"This model looks at {number} at a time: ask about fewer.")
    return most


def _pinned(
    conversation: Conversation, images: Sequence[str], most: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The pictures sent and those left out: the question's own first, then those asked about most lately."""
    lately = [name for turn in reversed(conversation.turns) for name in turn.images]
    known = list(dict.fromkeys((*images, *lately)))
    order = list(dict.fromkeys((*reversed(lately), *images)))
    sent = set(known[:most])
    return tuple(name for name in order if name in sent), tuple(name for name in order if name not in sent)


def _rooms(
    asked: Sequence[tuple[str, tuple[str, ...]]], budget: int, count: Callable[[str], int], image_tokens: int
) -> Iterator[int]:
    """Tokens left for turns before each question, beside it and the pictures brought up to then."""
    brought: set[str] = set()
    for question, names in asked:
        brought.update(names)
        yield budget - image_tokens * len(brought) - count(question) - MESSAGE_TOKENS


def _cut(costs: Sequence[int], rooms: Sequence[int]) -> int:
    """How many turns are cut from the front; the past is walked through, so each cut stays where it fell."""
    cut = 0
    for asked, room in enumerate(rooms):
        if sum(costs[cut:asked]) > room:
            while cut < asked and sum(costs[cut:asked]) > room // 2:
                cut += 1
    return cut


def _cost(turn: Turn, count: Callable[[str], int]) -> int:
    return count(turn.asked) + count(turn.answer.raw or turn.answer.text) + 2 * MESSAGE_TOKENS


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
