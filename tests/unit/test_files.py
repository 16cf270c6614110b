"""Files appear whole or not at all, and say why where they cannot be written."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from scalelaw.files import UnwritableError, check_folder, writing
from scalelaw.tables import write_parquet, write_table


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "table[1].csv"
    path.write_text("old")
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_and_raise(path, error):
    with writing(path) as part:
        part.write_text("half")
        raise error


def test_the_new_file_takes_the_place_of_the_old_at_the_end(old):
    with writing(old) as part:
        part.write_text("new")
        assert old.read_text() == "old"
        assert part.parent == old.parent
    assert old.read_text() == "new"
    assert names(old.parent) == [old.name]


def test_an_error_leaves_the_old_file_and_nothing_else(old):
    with pytest.raises(ZeroDivisionError):
        write_and_raise(old, ZeroDivisionError())
    assert old.read_text() == "old"
    assert names(old.parent) == [old.name]


def test_what_a_killed_writer_left_is_removed_by_the_next(old):
    code = (
        "import os, sys; from scalelaw.files import writing\n"
        "with writing(sys.argv[1]) as part:\n"
        "    part.write_text('half'); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(old)], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert old.read_text() == "old"
    assert len(names(old.parent)) == 2
    with writing(old) as part:
        part.write_text("new")
    assert names(old.parent) == [old.name]


def test_what_was_left_of_other_files_stays(old):
    other = old.with_name(".table1.csv.0123abcd.part")
    other.write_text("of another writer")
    with writing(old) as part:
        part.write_text("new")
    assert other.exists()


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "make room there"), (errno.EROFS, "make it writable or choose another folder")],
)
def test_no_room_and_no_permission_name_file_and_remedy(old, number, words):
    with pytest.raises(UnwritableError) as stopped:
        write_and_raise(old, OSError(number, os.strerror(number)))
    assert str(stopped.value).startswith(f"{old}: cannot be written: {os.strerror(number)} (")
    assert words in str(stopped.value)
    assert names(old.parent) == [old.name]


def test_other_errors_are_not_explained_away(old):
    with pytest.raises(OSError, match="Input/output error") as stopped:
        write_and_raise(old, OSError(errno.EIO, "Input/output error"))
    assert not isinstance(stopped.value, UnwritableError)


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(UnwritableError, match=r"report\.html: cannot be written: Is a directory"):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "report.html")


def test_a_link_is_followed(old):
    link = old.with_name("link.csv")
    link.symlink_to(old)
    with writing(link) as part:
        part.write_text("new")
    assert link.is_symlink()
    assert old.read_text() == "new"


def test_what_is_no_regular_file_is_written_to_directly(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with writing(pipe) as part:
        assert part == pipe.resolve()
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
@pytest.mark.parametrize("write", [write_table, write_parquet])
def test_tables_say_that_a_device_is_full(write):
    with pytest.raises(UnwritableError, match=r"^/dev/full: cannot be written: No space left"):
        write(pd.DataFrame({"a": [1]}), "/dev/full")


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path):
    (tmp_path / "a").write_text("")
    check_folder(tmp_path / "b/c")
    with pytest.raises(UnwritableError, match=r"b: cannot be a folder, because .*a is a file"):
        check_folder(tmp_path / "a/b")
