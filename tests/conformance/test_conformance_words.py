"""Every short word: how many there are, how they are shared out, and what a wrong peer does with them."""

import asyncio
import sys

import pytest
from dulcet.tools.conformance import command, frames
from dulcet.tools.conformance.acceptor import AcceptorPeer
from dulcet.tools.conformance.requestor import RequestorPeer
from dulcet.tools.conformance.words import LETTERS, STARTS, play, shard, spelled, text
from peers import acceptor, echoscu, our_scp, read_pdu, settings


def test_there_are_as_many_as_the_catalogue_counts() -> None:
    assert list(LETTERS) == ["AC", "RJ", "RQ", "DATA", "RLRQ", "RP", "ABORT", "47H"]
    assert len(list(spelled(3))) == 512
    assert sum(map(len, STARTS.values())) == 9


def test_shards_are_all_of_them_and_disjoint() -> None:
    words = [(state, word) for state in STARTS["A"] for word in spelled(2)]
    parts = [shard(words, (part, 3)) for part in (1, 2, 3)]
    assert sorted(word for part in parts for word in part) == sorted(words)
    assert {len(part) for part in parts} == {85, 86}
    assert all({state for state, _ in part} == set(STARTS["A"]) for part in parts)


def test_our_scp_answers_all_of_two_letters_rightly() -> None:
    words = [(state, word) for state in STARTS["A"] for word in spelled(2)]
    with our_scp() as port:
        made = settings(port=port, settle=0.03, strict=True)
        failed = asyncio.run(play(words, AcceptorPeer(made), made, jobs=16))
    assert [text(each.word) for each in failed] == []


def test_our_scu_answers_all_letters_rightly() -> None:
    words = [(state, word) for state in STARTS["R"] for word in spelled(1)]

    async def judge() -> list[str]:
        made = settings(settle=0.03, jobs=8, strict=True)
        async with RequestorPeer(made, echoscu()) as peer:
            return [text(each.word) for each in await play(words, peer, made, jobs=8)]

    assert asyncio.run(judge()) == []


def test_a_wrong_peer_is_told_by_its_words() -> None:
    """It answers an A-RELEASE-RQ in Sta13 once more, and passes over an A-ASSOCIATE-RQ there."""

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pdu = await read_pdu(reader)
        writer.write(frames.associate_ac(fixed=pdu[10:74]))
        while True:
            pdu = await read_pdu(reader)
            if pdu[0] == 0x05:
                writer.write(frames.release_rp())
            elif pdu[0] == 0x07:
                return

    async def judge() -> list[str]:
        async with acceptor(twice) as port:
            made = settings(port=port, settle=0.03, react=0.3)
            words = [("Sta13", word) for word in spelled(1)]
            return [
                f"{text(each.word)}, {each.verdict.rule}"
                for each in await play(words, AcceptorPeer(made), made, jobs=8)
            ]

    assert asyncio.run(judge()) == [
        "Sta13: RQ, Table 9-10",
        "Sta13: RLRQ, Table 9-10",
        "Sta13: 47H, Table 9-10",
    ]


def test_the_command_tells_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with our_scp() as port:
        assert (
            command.main(["words", "127.0.0.1", str(port), "--length", "1", "--state", "Sta6", "--shard", "1/2"]) == 0
        )
    assert capsys.readouterr().out == "4 words, 0 failed, 0 did not reach their state\n"
    words = ["words", "--length", "1", "--state", "Sta5", "--jobs", "4", "--"]
    assert command.main([*words, sys.executable, "-c", "raise SystemExit(1)"]) == 3
    assert "nothing could be judged" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["127.0.0.1"],
        ["127.0.0.1", "104", "--", "echoscu"],
        ["127.0.0.1", "104", "--state", "Sta5"],
        ["127.0.0.1", "104", "--shard", "3/2"],
        ["127.0.0.1", "104", "--length", "0"],
    ],
)
def test_a_command_line_that_makes_no_sense(options: list[str]) -> None:
    try:
        code = command.main(["words", *options])
    except SystemExit as end:
        code = end.code  # type: ignore[assignment]  # an exit code
    assert code == 2


def test_help_says_how_a_part_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("words", "acceptor"):
        with pytest.raises(SystemExit):
            command.main([name, "--help"])
        assert "--shard K/N" in " ".join(capsys.readouterr().out.split())
