"""Folders and archives give up their files within the limits; nothing is written and no path is believed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from dicoms import ct, series, written

from chat_app.errors import InputError, TooLarge, UnreadableFile
from chat_app.imaging import Limits, study
from chat_app.imaging.archive import Item, items, load

HEIGHTS = [0.0, 5.0, 10.0, 15.0]


def packed(path: Path, members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def slices(count: int = 4) -> dict[str, bytes]:
    return {f"A/B/{number}": ct(5.0 * number) for number in range(count)}


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_an_archive_is_read_where_it_lies(tmp_path: Path, how: int) -> None:
    opened = study([packed(tmp_path / "upload", slices(), how)])
    assert [image.frames for image in opened.images] == [4]
    assert opened.images[0].at(1).pixels.shape == (8, 10)
    assert [path.name for path in tmp_path.iterdir()] == ["upload"]


def test_paths_in_an_archive_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    names = ("../../out", "/etc/out", "C:\\out", "a/../../out2", "CON", "x" * 300, "n\u00e4me")
    members = {name: ct(5.0 * number) for number, name in enumerate(names)}
    opened = study([packed(tmp_path / "in" / "upload.zip", members)])
    assert [image.frames for image in opened.images] == [len(names)]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_bomb_is_refused_and_its_neighbours_open(tmp_path: Path) -> None:
    opened = study([packed(tmp_path / "upload", {"bomb": bytes(30_000_000), **slices()})])
    assert [image.frames for image in opened.images] == [4]
    assert len(opened.refused) == 1 and "more than 200 times its packed size" in opened.refused[0]


def test_a_black_slice_is_no_bomb(tmp_path: Path) -> None:
    black = ct(0, np.zeros((512, 512), np.int16))
    assert study([packed(tmp_path / "upload", {"black": black})]).images[0].rows == 512


def test_a_directory_that_lies_of_sizes_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "upload", {"large": bytes(900_000), **slices()})
    data = path.read_bytes()
    size = (900_000).to_bytes(4, "little")
    path.write_bytes(data.replace(size, (1_000).to_bytes(4, "little")))
    opened = study([path])
    assert [image.frames for image in opened.images] == [4]
    assert len(opened.refused) == 1


def test_an_archive_in_an_archive_is_refused(tmp_path: Path) -> None:
    inner = packed(tmp_path / "inner", slices()).read_bytes()
    opened = study([packed(tmp_path / "outer", {"inner.zip": inner, **slices()})])
    assert [image.frames for image in opened.images] == [4]
    assert "ZIP archive" in opened.refused[0]


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "upload", {"secret": ct(), **slices()})
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02") + 8
    data[place] |= 1
    path.write_bytes(bytes(data))
    opened = study([path])
    assert [image.frames for image in opened.images] == [4]
    assert "encrypted" in opened.refused[0]


def test_an_encrypted_member_that_is_chosen_itself_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "upload", {"secret": ct()})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(UnreadableFile, match="encrypted"):
        study([zipfile.Path(path, "secret")])


def test_a_way_of_packing_that_is_not_known_is_said_to_be_that(tmp_path: Path) -> None:
    path = packed(tmp_path / "upload", {"patched": ct()})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 0x20  # compressed patched data, APPNOTE 4.4.4
    path.write_bytes(bytes(data))
    with pytest.raises(UnreadableFile, match="pack it as plain ZIP"):
        study([path])


def test_a_damaged_archive_is_a_sentence(tmp_path: Path) -> None:
    data = packed(tmp_path / "upload", slices()).read_bytes()
    for length in range(4, len(data), 97):
        with pytest.raises(InputError) as refused:
            study([written(tmp_path, data[:length])])
        assert str(refused.value).endswith(".") and str(tmp_path) not in str(refused.value)


def test_damaged_members_are_sentences(tmp_path: Path) -> None:
    data = packed(tmp_path / "upload", slices()).read_bytes()
    random = np.random.default_rng(5)
    for _ in range(40):
        damaged = bytearray(data)
        for place in random.integers(0, len(data), 6):
            damaged[place] = random.integers(256)
        try:
            opened = study([written(tmp_path, bytes(damaged))])
        except InputError as error:
            assert str(error).endswith(".")
        else:
            assert all(sentence.endswith(".") for sentence in opened.refused)


def test_an_empty_archive_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", packed(tmp_path / "upload", {})):
        with pytest.raises(InputError, match="no file"):
            study([place])


def test_too_many_files_and_too_many_bytes_are_refused(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct", HEIGHTS)
    with pytest.raises(TooLarge, match="more than 3 files"):
        study([folder], limits=Limits(files=3))
    with pytest.raises(TooLarge, match="together"):
        study([folder], limits=Limits(study_bytes=2_000))
    with pytest.raises(TooLarge, match="more than 3 files"):
        study([packed(tmp_path / "upload", slices())], limits=Limits(files=3))


def test_litter_is_passed_over(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct", HEIGHTS)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._IM0001"):
        written(folder, b"litter", name)
    assert study([folder]).refused == ()
    members = {"__MACOSX/A/._1": b"litter", "A/.DS_Store": b"litter", **slices()}
    assert study([packed(tmp_path / "upload", members)]).refused == ()


def test_no_link_leads_out_of_a_folder(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct", HEIGHTS)
    secret = written(tmp_path, ct(99.0), "secret")
    (folder / "link").symlink_to(secret)
    (tmp_path / "other").mkdir()
    (folder / "folder").symlink_to(tmp_path / "other")
    opened = study([folder])
    assert [image.frames for image in opened.images] == [4]
    assert "link that leads out" in opened.refused[0]


def test_a_path_inside_an_archive_is_a_place(tmp_path: Path) -> None:
    path = packed(tmp_path / "upload", slices())
    with zipfile.ZipFile(path) as archive:
        assert len(study([zipfile.Path(archive, "A/B/1")]).images) == 1


def test_a_file_that_grew_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, bytes(10))
    (item,) = items([path], Limits())
    path.write_bytes(bytes(2_000))
    assert not isinstance(item, InputError)
    with pytest.raises(TooLarge):
        load(item, Limits(file_bytes=1_000))


def test_a_file_that_went_away_is_a_sentence(tmp_path: Path) -> None:
    opened = study([series(tmp_path, [float(z) for z in range(30)])])
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(UnreadableFile):
        opened.images[0].at(1)


def members(places: list[Path]) -> list[Item | InputError]:
    return list(items(places, Limits()))


def test_what_is_missing_is_a_sentence(tmp_path: Path) -> None:
    (missing,) = members([tmp_path / "nothing"])
    assert isinstance(missing, UnreadableFile)
