"""A trace as a sequence diagram."""

from dulcet.tools.sequence import Step, diagram

ECHOES = [
    Step(10.0, "Sta1", "Evt1", "AE-1", "Sta4", 1),
    Step(10.0, "Sta4", "Evt2", "AE-2", "Sta5", 1),
    Step(10.0012, "Sta5", "Evt3", "AE-3", "Sta6", 1),
    Step(10.0013, "Sta6", "Evt9", "DT-1", "Sta6", 1),
    Step(10.002, "Sta6", "Evt10", "DT-2", "Sta6", 1),
    Step(10.003, "Sta6", "Evt9", "DT-1", "Sta6", 1),
    Step(10.004, "Sta6", "Evt10", "DT-2", "Sta6", 2),
    Step(10.005, "Sta6", "Evt11", "AR-1", "Sta7", 1),
    Step(10.006, "Sta7", "Evt13", "AR-3", "Sta1", 1),
]

DRAWN = """\
              DEMO                                          DULCET
Sta4 > Sta5   |------------- A-ASSOCIATE-RQ -------------->|      0.0 ms
Sta5 > Sta6   |<------------- A-ASSOCIATE-AC --------------|      1.2 ms
Sta6          |-------------- P-DATA-TF x2 --------------->|      1.3 ms
Sta6          |<-------------- P-DATA-TF x3 ---------------|      2.0 ms
Sta6 > Sta7   |-------------- A-RELEASE-RQ --------------->|      5.0 ms
Sta7 > Sta1   |<-------------- A-RELEASE-RP ---------------|      6.0 ms
"""


def test_an_association() -> None:
    assert "\n".join(diagram(ECHOES, "DEMO", "DULCET")) + "\n" == DRAWN


def test_nothing_happened() -> None:
    (title,) = diagram([], "A", "B")
    assert title.split() == ["A", "B"]


def test_a_pdu_that_is_answered_at_once() -> None:
    steps = [Step(1.0, "Sta6", "Evt19", "AA-8", "Sta13", 1), Step(1.5, "Sta13", "Evt17", "AR-5", "Sta1", 1)]
    lines = diagram(steps, "A", "B")[1:]
    assert ["<" in line.split("|")[1] for line in lines] == [True, False]
    assert "A-ABORT" in lines[1]


def test_two_kinds_of_rejection() -> None:
    steps = [
        Step(1.0, "Sta2", "Evt6", "AE-6", "Sta13", 1),
        Step(2.0, "Sta2", "Evt6", "AE-6", "Sta3", 1),
    ]
    words = [" ".join(line.split("|")[1].strip("-<> ").split()) for line in diagram(steps, "A", "B")[1:]]
    assert words == ["A-ASSOCIATE-RQ", "A-ASSOCIATE-RJ", "A-ASSOCIATE-RQ"]
