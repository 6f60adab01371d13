"""`dulcet qrscp`: an archive from the command line, how it begins and ends, and what it tells."""

import json
import signal
import sys

import pytest
from archive_files import instance, write
from dulcet.services.errors import AssociationRejected
from dulcet.services.query.query import QueryFailed
from dulcet.services.shutdown import SHUTDOWN
from dulcet.tools.connection import log_for
from dulcet.tools.options.command_line import UsageError, parse
from dulcet.tools.qrscp import Serving
from tool_runs import LIMIT, documented, process, serving

from dulcet import SCP, SCU, Entity, Storage


@pytest.fixture
def files(tmp_path):
    return [write(tmp_path / "in" / uid, instance(uid, study="1.2", series="1.2.1")) for uid in ("1.2.1.1", "1.2.1.2")]


def test_store_find_move_get_and_commit(tmp_path, files, capsys):
    with SCP("VIEWER", [Storage(tmp_path / "viewer")]).running() as viewer:
        toml = tmp_path / "entities.toml"
        toml.write_text(f'[entities]\nstation = "{viewer.entity}"\n')
        with serving("qrscp", tmp_path / "archive", "--destinations", toml, "--json") as running:
            peer, scu = running.entity, SCU("ME")
            assert scu.echo(peer) == 0
            assert all(result.stored for result in scu.store(peer, files))
            (study,) = scu.find(peer, level="STUDY", NumberOfStudyRelatedInstances="")
            assert study.NumberOfStudyRelatedInstances == 2
            assert scu.move(peer, study, "VIEWER").completed == 2
            assert scu.get(peer, study, tmp_path / "got").completed == 2
            assert scu.commit(peer, [("1.2.840.10008.5.1.4.1.1.2", "1.2.1.1")]).complete
    for folder in ("viewer", "got"):
        assert len(list((tmp_path / folder).rglob("CT.*"))) == 2
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["record"] for each in records] == ["index", "object", "object", "summary"]
    assert records[-1]["words"] == "2 objects stored"
    for each in records:
        assert list(each) == documented("qrscp", each["record"])


def test_move_goes_to_nobody_who_is_not_in_the_file(tmp_path, files):
    with serving("qrscp", tmp_path / "archive") as running:
        peer, scu = running.entity, SCU("ME")
        list(scu.store(peer, files))
        assert scu.move(peer, destination="ME", level="STUDY", StudyInstanceUID="1.2").status == 0xA801


def test_reindex_ends(tool, tmp_path, files):
    (tmp_path / "in" / "notes").write_text("none")
    ran = tool("qrscp", "--reindex", tmp_path / "in")
    assert (ran.code, ran.out) == (0, "2 objects indexed, 1 file is none\n")
    ran = tool("qrscp", "--reindex", "--json", tmp_path / "in")
    assert [(each["record"], each.get("added")) for each in ran.records] == [("index", 2), ("summary", None)]


def test_what_lies_there_is_served(tmp_path, files):
    with serving("qrscp", tmp_path / "in") as running:
        assert len(list(SCU("ME").find(running.entity, level="STUDY"))) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "Could not parse"),
        ("fortran://host/index", "fortran"),
        ("mysql+pymysql://host/index", "pymysql is not installed"),
        ("sqlite:////nowhere/index", "unable to open database file"),
        ("postgresql+psycopg://dicom:secret@127.0.0.1:1/dicom", "Connection refused"),
    ],
)
def test_an_index_that_cannot_be_opened(tool, tmp_path, url, words):
    ran = tool("qrscp", "--index", url, tmp_path)
    assert ran.code == 1
    assert words in ran.err
    assert "secret" not in ran.err
    assert "Traceback" not in ran.err


def test_without_the_extra(tool, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("dulcet.services.archive")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    ran = tool("qrscp", tmp_path)
    assert (ran.code, ran.err) == (1, "dulcet qrscp: sqlalchemy is not installed: pip install 'dulcet[archive]'\n")


def test_a_directory_that_is_a_file(tool, tmp_path):
    (tmp_path / "file").write_text("")
    ran = tool("qrscp", tmp_path / "file" / "archive")
    assert ran.code == 45
    assert "Not a directory" in ran.err


NAMELESS = '[MOVER]\ntitle = "MOVER"\nhost = "localhost"\nport = 104\n'
"""An entity, but not in the table of entities."""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "toml: No such file or directory"),
        ("nonsense", "toml: "),
        ('[entities]\nx = "nobody"\n', "entities.x"),
        ("[entities]\n", "nobody in a table"),
        (NAMELESS, r"nobody in a table \[entities\]"),
    ],
)
def test_destinations_that_are_none(tmp_path, content, why):
    path = tmp_path / "entities.toml"
    if content:
        path.write_text(content)
    options = parse("qrscp", ["--destinations", str(path), str(tmp_path / "archive")])
    with pytest.raises(UsageError, match=f"--destinations: {tmp_path}/entities.*{why}"):
        Serving(options, log_for(options))


def test_titles_are_checked_when_asked(tmp_path):
    with serving("qrscp", "-aet", "PACS", "--check-called-aetitle", tmp_path) as running:
        assert SCU("ME").echo(running.entity) == 0
        with pytest.raises(AssociationRejected):
            SCU("ME").echo(running.entity._replace(title="OTHER"))


def test_an_identifier_without_level_is_refused(tmp_path):
    with serving("qrscp", tmp_path) as running, pytest.raises(QueryFailed):
        list(SCU("ME").find(running.entity, level="IMAGE", StudyInstanceUID="1.2"))


@pytest.mark.parametrize("how", ["termscu", "signal"])
def test_a_process_of_its_own_ends_in_order(tmp_path, how):
    with process("qrscp", "--json", "--port", 0, "--allow-shutdown", tmp_path / "archive") as started:
        index, listening = (json.loads(started.stdout.readline()) for _ in range(2))
        assert (index["record"], listening["record"]) == ("index", "listening")
        if how == "signal":
            started.send_signal(signal.SIGTERM)
        else:
            with pytest.raises(AssociationRejected):
                SCU("ME").associate(Entity("QRSCP", "127.0.0.1", listening["port"]), [SHUTDOWN])
        out, err = started.communicate(timeout=LIMIT)
    assert (started.returncode, err) == (0, "")
    assert json.loads(out.splitlines()[-1])["words"] == "0 objects stored"
