"""The straight line with a scripted model: what is sent, what comes back, whose it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from stacks import Volume

from chat_app import prompts
from chat_app.assistant import Assistant
from chat_app.errors import BadQuestion, InputError, ModelError
from chat_app.models import cards
from chat_app.models.scripted import Scripted
from chat_app.records import (
    Answer,
    Box,
    Contract,
    Conversation,
    Image,
    Origin,
    Report,
    Section,
    Source,
    Turn,
)
from chat_app.settings import Settings

BOX = "<box><x10><y20><x29><y39></box>"


def image(name: str = "image 1", modality: str = "CR", body_part: str = "CHEST") -> Image:
    return Image(name, np.full((200, 100), 90, np.uint8), "0" * 64, "DICOM", modality, body_part)


def assistant(model: Scripted, settings: Settings, most_images: int = 1) -> Assistant:
    contract = Contract(64, "pad", most_images, "grid100", 1000)
    return Assistant(settings, model, cards.Card("scripted", "test", "-", "-", contract, 4, taught=True))


def conversation(*names: str) -> Conversation:
    talk = Conversation()
    for name in names or ("image 1",):
        talk = talk.with_image(image(name))
    return talk


def answered(pieces: list[str | Answer]) -> Answer:
    *texts, last = pieces
    assert isinstance(last, Answer) and "".join(map(str, texts)).strip() == last.text
    return last


def test_an_answer_comes_in_pieces_and_then_whole(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue("The film looks normal. No box.")
    answer = answered(list(assistant(scripted, settings).ask(conversation(), "Is this film normal?")))
    assert [s.source for s in answer.statements] == [Source.SEEN, Source.SEEN]
    assert answer.views[0].pixels.shape == (64, 64, 3)
    assert answer.model.name == "scripted"


def test_boxes_come_back_in_pixels_of_the_original(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue(f"Lesion {BOX}.")
    answer = answered(list(assistant(scripted, settings).ask(conversation(), "Where?")))
    assert answer.text == "Lesion [1]."
    # 200 x 100 padded to a square of 200: half of the width is padding, 50 pixels at each side.
    assert answer.boxes[0].corners == pytest.approx((0.0, 41.0, 9.0, 79.0))


def test_the_picture_stays_with_every_later_turn(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue("One.", "Two.")
    here = assistant(scripted, settings)
    talk = conversation()
    answer = answered(list(here.ask(talk, "First?")))
    list(here.ask(talk.with_turn(Turn("First?", ("image 1",), answer)), "And then?"))
    sent = scripted.history[1]
    assert [m.type for m in sent] == ["human", "ai", "human"]
    assert [b["type"] for b in sent[0].content_blocks] == ["image", "text"]
    assert "And then?" in sent[2].text


def test_what_the_file_states_goes_beside_the_picture(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue("Yes.")
    list(assistant(scripted, settings).ask(conversation(), "Is it?"))
    block = scripted.history[0][0].content_blocks[0]
    assert block["extras"] == {"name": "image 1", "modality": "CR", "body_part": "CHEST"}


def test_a_model_of_one_picture_looks_at_each_in_turn(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue(f"Here {BOX}.", f"There {BOX}.")
    talk = conversation("image 1", "image 2")
    answer = answered(list(assistant(scripted, settings).ask(talk, "Where?", images=("image 1", "image 2"))))
    assert answer.text == "Image 1: Here [1].\nImage 2: There [2]."
    assert [box.image for box in answer.boxes] == ["image 1", "image 2"]
    assert [statement.text for statement in answer.statements] == ["Here [1].", "There [2]."]


def test_a_question_may_name_its_picture(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue("Yes.")
    list(assistant(scripted, settings).ask(conversation("image 1", "image 2"), "Is image 1 normal?"))
    assert scripted.history[0][0].content_blocks[0]["extras"]["name"] == "image 1"


def test_a_picture_that_is_not_there_is_refused(scripted: Scripted, settings: Settings) -> None:
    with pytest.raises(InputError, match="no image 7"):
        list(assistant(scripted, settings).ask(conversation(), "Is image 7 normal?"))


def test_without_a_picture_nothing_is_asked(scripted: Scripted, settings: Settings) -> None:
    with pytest.raises(InputError, match="open one first"):
        list(assistant(scripted, settings).ask(Conversation(), "Is it normal?"))
    assert not scripted.history


@pytest.mark.parametrize("question", ["", "  \n ", "x" * 100_000], ids=["empty", "blank", "endless"])
def test_a_question_that_is_none_is_refused(question: str, scripted: Scripted, settings: Settings) -> None:
    with pytest.raises(BadQuestion):
        list(assistant(scripted, settings).ask(conversation(), question))
    assert not scripted.history


def test_stop_ends_the_answer_and_says_so(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue("one two three four five six")
    stop = threading.Event()
    pieces = assistant(scripted, settings).ask(conversation(), "Count.", stop=stop)
    first = next(pieces)
    stop.set()
    *_, last = pieces
    assert isinstance(last, Answer) and last.stopped and "stopped" in last.warnings[-1]
    assert str(first) in last.text and "six" not in last.text


def test_a_fault_of_the_model_passes_through_as_one_sentence(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue(ModelError("The model ran out of memory: ask about fewer pictures."))
    with pytest.raises(ModelError, match="memory"):
        list(assistant(scripted, settings).ask(conversation(), "Is it?"))


def test_a_draft_has_the_sections_of_its_template(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue(f"Opacity {BOX}. The heart is normal.", "Pneumonia.")
    told = {"history": "Cough."}
    *sections, report = assistant(scripted, settings).draft(conversation(), "chest-radiograph", told=told)
    assert isinstance(report, Report) and report.status == "draft"
    assert all(isinstance(section, Section) for section in sections)
    by = {section.name: section for section in report.sections}
    assert by["history"].statements[0].source is Source.TOLD
    assert by["technique"].statements[0].source is Source.FILE
    assert by["comparison"].text == "Not provided."
    assert len(by["findings"].statements) == 2 and by["findings"].statements[0].boxes


def test_a_general_model_is_asked_about_one_point_of_the_anatomy_after_the_other(
    scripted: Scripted, settings: Settings
) -> None:
    scripted.enqueue(
        "NORMAL", f"Opacity {BOX}.", "NOT ASSESSED", "NORMAL", "A line.", "Opacity.\nPneumonia is possible."
    )
    here = assistant(scripted, settings)
    here.card = replace(here.card, taught=False)
    *parts, report = here.draft(conversation(), "chest-radiograph")
    assert isinstance(report, Report)
    findings = report.section("findings")
    assert findings and findings.decided
    assert [each.topic for each in findings.statements] == [
        "Airway", "Breathing", "Circulation", "Diaphragm", "Everything else"
    ]  # fmt: skip
    assert [each.source for each in findings.statements] == [
        Source.TEMPLATE, Source.SEEN, Source.TEMPLATE, Source.TEMPLATE, Source.SEEN
    ]  # fmt: skip
    sections = [each for each in parts if isinstance(each, Section) and each.name == "findings"]
    assert [len(each.statements) for each in sections] == [1, 2, 3, 4, 5]
    impression = report.section("impression")
    assert impression and impression.text == "Pneumonia is possible."
    systems = {sent[0].text for sent in scripted.history}
    assert len(systems) == 1 and len(scripted.history) == 6


def test_what_might_be_asked_next_are_the_points_of_the_fitting_template(
    scripted: Scripted, settings: Settings
) -> None:
    scripted.enqueue("Clear.", "Clear.")
    here, talk = assistant(scripted, settings), conversation()
    here.card = replace(here.card, taught=False)
    points = prompts.template("chest-radiograph").sections[3].points
    first = answered(list(here.ask(talk, points[0].question)))
    assert first.next == tuple(point.question for point in points[1:4])
    stranger = Conversation().with_image(image(modality="US", body_part="FOOT"))
    assert answered(list(here.ask(stranger, "What is it?"))).next == ()


def test_an_impression_is_worded_anew_by_a_model_that_was_not_taught_its_words(
    scripted: Scripted, settings: Settings
) -> None:
    scripted.enqueue("Opacity.", "There is an opacity in the picture.")
    here, talk = assistant(scripted, settings), conversation()
    *_, report = here.draft(talk, "general")
    assert isinstance(report, Report)
    with pytest.raises(InputError, match="its own wordings only"):
        here.reword(talk, report, "Make it short.")
    here.card = replace(here.card, taught=False)
    scripted.enqueue("Opacity.")
    (found,) = here.reword(talk, report, "Make it short.")
    assert (found.section, found.text) == ("impression", "Opacity.")
    assert "Make it short." in scripted.history[-1][-1].text


def test_a_wording_is_asked_about_one_picture_of_a_model_that_takes_one(
    scripted: Scripted, settings: Settings
) -> None:
    here, talk = assistant(scripted, settings), conversation("image 1", "image 2")
    scripted.enqueue("Opacity.", "Opacity.", "There is an opacity.", "There is an opacity.", "Opacity.")
    *_, report = here.draft(talk, "general")
    assert isinstance(report, Report)
    here.card = replace(here.card, taught=False)
    asked = len(scripted.history)
    here.reword(talk, report, "Make it short.")
    assert len(scripted.history) == asked + 1
    assert sum(block["type"] != "text" for block in scripted.history[-1][-1].content) == 1


def test_a_template_for_something_else_is_refused(scripted: Scripted, settings: Settings) -> None:
    talk = Conversation().with_image(image(modality="MR", body_part="BRAIN"))
    with pytest.raises(InputError, match="Choose another template"):
        list(assistant(scripted, settings).draft(talk, "chest-radiograph"))


def test_the_draft_asks_nothing_of_the_conversation_before(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue("A.", "B.", "C.")
    here, talk = assistant(scripted, settings), conversation()
    answer = answered(list(here.ask(talk, "The patient is Jane Doe.")))
    list(here.draft(talk.with_turn(Turn("The patient is Jane Doe.", ("image 1",), answer)), "general"))
    assert all("Jane" not in message.text for sent in scripted.history[1:] for message in sent)


def test_the_assistant_keeps_nothing_of_a_user(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue("A.", "B.")
    here = assistant(scripted, settings)
    before = dict(vars(here))
    answered(list(here.ask(conversation(), "Is it?")))
    assert {k: v for k, v in vars(here).items() if v is not before[k]} == {}


def test_a_general_model_is_given_its_instructions(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue("Yes.")
    here = assistant(scripted, settings, most_images=4)
    here.card = replace(here.card, taught=False)
    answer = answered(
        list(here.ask(conversation("image 1", "image 2"), "Same?", images=("image 1", "image 2")))
    )
    assert answer.prompt.startswith("answer@")
    system, human = scripted.history[0]
    assert system.type == "system" and "draft" in system.text
    assert [b["type"] for b in human.content_blocks] == ["text", "image", "text", "image", "text"]


def volume(frame: int = 3) -> Conversation:
    return Conversation().with_image(Volume(side=64).image("image 1", frame))


def test_a_question_about_a_volume_is_about_the_slice_on_show(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue(f"Here {BOX}.")
    answer = answered(list(assistant(scripted, settings).ask(volume(3), "Where?", images=("image 1",))))
    assert answer.images == ("image 1, slice 3",)
    assert answer.boxes[0].image == "image 1, slice 3"
    assert answer.statements[0].basis == "seen in image 1, slice 3"
    assert "image 1, slice 3 of 10" in answer.views[0].description


def test_a_question_may_name_its_slice(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue("Yes.")
    answer = answered(list(assistant(scripted, settings).ask(volume(3), "Is image 1, slice 7 normal?")))
    assert answer.images == ("image 1, slice 7",)


def test_a_slice_that_is_not_there_is_refused(scripted: Scripted, settings: Settings) -> None:
    with pytest.raises(InputError, match="from 1 to 10"):
        list(assistant(scripted, settings).ask(volume(), "Is image 1 slice 70 normal?"))


def test_a_model_of_many_slices_is_shown_them_spread_with_the_one_in_question(
    scripted: Scripted, settings: Settings
) -> None:
    scripted.enqueue("One.", "Two.", "Three.")
    contract = Contract(64, "pad", 8, "", 4000, slices=4)
    here = Assistant(settings, scripted, cards.Card("scripted", "test", "-", "-", contract, 4, taught=True))
    talk = volume(3)
    answer = answered(list(here.ask(talk, "First?", images=("image 1, slice 6",))))
    assert answer.images == tuple(f"image 1, slice {number}" for number in (1, 4, 6, 10))
    talk = talk.with_turn(Turn("First?", answer.images, answer))
    assert answered(list(here.ask(talk, "And then?"))).images == answer.images
    assert answered(list(here.ask(talk, "Again?", images=answer.images))).images == answer.images


def test_an_earlier_slice_stays_the_one_that_was_asked_about(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue("One.", "Two.")
    here = assistant(scripted, settings, most_images=4)
    talk = volume(3)
    answer = answered(list(here.ask(talk, "First?")))
    talk = replace(talk, study=talk.study.turned(talk.study.images[0].at(8)))
    later = answered(list(here.ask(talk.with_turn(Turn("First?", answer.images, answer)), "Image 1?")))
    names = [
        b["extras"]["name"] for m in scripted.history[1] for b in m.content_blocks if b["type"] == "image"
    ]
    assert names == ["image 1, slice 3", "image 1, slice 8"]
    assert [view.frame for view in later.views] == [3, 8]


def test_a_picture_that_must_be_looked_at_first_is_not_sent(scripted: Scripted, settings: Settings) -> None:
    doubtful = replace(image(), caution="A name may be burnt into it: look at it first.")
    talk = Conversation().with_image(doubtful)
    with pytest.raises(InputError, match="burnt into it"):
        list(assistant(scripted, settings).ask(talk, "Is it normal?"))
    with pytest.raises(InputError, match="burnt into it"):
        list(assistant(scripted, settings).draft(talk, "general"))
    assert not scripted.history


def of(patient: str, name: str) -> Image:
    return replace(image(name), origin=Origin(patient=patient))


def test_pictures_of_two_patients_are_warned_of_and_never_drafted_together(
    scripted: Scripted, settings: Settings
) -> None:
    scripted.enqueue("Both normal.")
    talk = Conversation().with_image(of("one", "image 1")).with_image(of("two", "image 2"))
    here = assistant(scripted, settings, most_images=2)
    answer = answered(list(here.ask(talk, "Normal?", images=("image 1", "image 2"))))
    assert "By what the files state, image 1 and image 2 are of different patients." in answer.warnings
    with pytest.raises(InputError, match="different patients"):
        list(here.draft(talk, "general"))


REGION = Box(10, 20, 40, 60, "your region", "image 1")


def test_a_region_goes_into_the_question_as_the_model_writes_boxes(
    scripted: Scripted, settings: Settings
) -> None:
    scripted.enqueue("A nodule.")
    contract = Contract(64, "squash", 1, "grid100", 1000, regions=True)
    card = cards.Card("scripted", "test", "-", "-", contract, 4, taught=True)
    answer = answered(list(Assistant(settings, scripted, card).ask(conversation(), "What?", region=REGION)))
    assert scripted.history[0][-1].text.startswith("What?\n")
    assert "<box><x10><y10><x40><y30></box>" in scripted.history[0][-1].text
    assert answer.asked == scripted.history[0][-1].text


def test_a_model_without_boxes_is_told_the_region_in_words(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue("A nodule.")
    contract = Contract(64, "pad", 1, "", 1000, regions=True)
    card = cards.Card("scripted", "test", "-", "-", contract, 4, taught=True)
    list(Assistant(settings, scripted, card).ask(conversation(), "What?", region=REGION))
    assert "10-40 % from the left, 10-30 % from the top" in scripted.history[0][-1].text


def test_a_model_that_takes_no_region_has_its_boxes_compared_with_it(
    scripted: Scripted, settings: Settings
) -> None:
    scripted.enqueue(f"Lesion {BOX}.")
    around = Box(0, 30, 20, 90, "your region", "image 1")
    answer = answered(list(assistant(scripted, settings).ask(conversation(), "What?", region=around)))
    assert answer.text == "Lesion [1].\n[1] lies in the region you drew."
    assert answer.statements[-1].source is Source.COMPUTED
    assert any("only compared" in warning for warning in answer.warnings)


def test_a_region_that_was_not_used_is_said_not_to_be(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue("Normal.")
    answer = answered(list(assistant(scripted, settings).ask(conversation(), "What?", region=REGION)))
    assert any("was not used" in warning for warning in answer.warnings)


def test_a_region_outside_its_picture_is_refused(scripted: Scripted, settings: Settings) -> None:
    outside = Box(10, 20, 400, 60, "your region", "image 1")
    with pytest.raises(InputError, match="outside image 1"):
        list(assistant(scripted, settings).ask(conversation(), "What?", region=outside))


def test_a_region_on_another_picture_than_the_question_names_is_refused(
    scripted: Scripted, settings: Settings
) -> None:
    talk = conversation("image 1", "image 2")
    with pytest.raises(InputError, match="lies on image 1, and the question is about image 2"):
        list(assistant(scripted, settings).ask(talk, "Is image 2 normal?", region=REGION))


def test_the_picture_in_words_is_the_slice_on_show(scripted: Scripted, settings: Settings) -> None:
    scripted.enqueue("Yes.")
    here = assistant(scripted, settings)
    answer = answered(list(here.ask(volume(3), "Anything in image 1?", images=("image 1, slice 8",))))
    assert answer.images == ("image 1, slice 8",)


def test_a_draft_stopped_in_its_last_section_says_so(scripted: Scripted, settings: Settings) -> None:
    stop = threading.Event()
    scripted.default = "No opacity."
    pieces = []
    for piece in assistant(scripted, settings).draft(conversation(), "general", stop=stop):
        pieces.append(piece)
        if isinstance(piece, Section) and piece.name == "impression":
            stop.set()
    assert any("stopped" in warning for warning in pieces[-1].warnings)


def test_an_answer_that_breaks_off_says_so(settings: Settings) -> None:
    class Cut(Scripted):
        def _stream(self, *given: Any, **named: Any) -> Iterator[ChatGenerationChunk]:
            yield ChatGenerationChunk(message=AIMessageChunk("There is a"))
            facts = {"truncated": True}
            yield ChatGenerationChunk(
                message=AIMessageChunk("", response_metadata=facts, chunk_position="last")
            )

    answer = answered(list(assistant(Cut(), settings).ask(conversation(), "What is it?")))
    assert any("breaks off" in warning for warning in answer.warnings)
