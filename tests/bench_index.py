"""How long queries over an archive of 100 000 instances take: `python tests/bench_index.py [URL of a database]`.

The instances are made up: 1000 patients with two studies each, five series a study, ten images a series. Times are
those of the whole answer, identifiers included, the best of five.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dulcet.services.archive.attributes import Record
from dulcet.services.archive.index import ArchiveIndex
from dulcet.services.query.keys import identifier
from dulcet.services.query.models import QueryExtension, model, model_of

PATIENTS, STUDIES, SERIES, IMAGES = 1000, 2, 5, 10
NAMES = ("Abel", "Baker", "Curie", "Doe", "Euler", "Franklin", "Gauss", "Hopper", "Ibn-Sina", "Jenner")
CT = "1.2.840.10008.5.1.4.1.1.2"
RELATIONAL = QueryExtension(relational=True)


def records():
    """The instances, in the order they would come."""
    for patient in range(PATIENTS):
        for study in range(STUDIES):
            day = f"20{10 + patient % 15:02}{1 + study * 6 + patient % 6:02}{1 + patient % 28:02}"
            for series in range(SERIES):
                for image in range(IMAGES):
                    yield record(patient, study, series, image, day)


def record(patient, study, series, image, day):
    uid = f"1.2.3.{patient}.{study}"
    values = {
        "PatientID": f"P{patient:06}",
        "PatientName": f"{NAMES[patient % len(NAMES)]}{patient}^Given{patient % 7}",
        "PatientBirthDate": f"19{patient % 100:02}0101",
        "PatientSex": "MFO"[patient % 3],
        "StudyInstanceUID": uid,
        "StudyDate": day,
        "StudyTime": f"{patient % 24:02}{study:02}00",
        "AccessionNumber": f"A{patient:06}{study}",
        "StudyID": str(study + 1),
        "StudyDescription": "a study of some kind",
        "SeriesInstanceUID": f"{uid}.{series}",
        "Modality": ("CT", "MR", "US", "CR", "PT")[series],
        "SeriesNumber": str(series + 1),
        "SOPInstanceUID": f"{uid}.{series}.{image}",
        "SOPClassUID": CT,
        "InstanceNumber": str(image + 1),
    }
    return Record(f"{uid}/CT.{uid}.{series}.{image}.dcm", 1000, 1, "1.2.840.10008.1.2.1", values)


QUERIES = (
    ("one patient by ID", "STUDY", {"PatientID": "P000500"}),
    ("by the beginning of a name", "STUDY", {"PatientName": "curie12*"}),
    ("by the middle of a name", "STUDY", {"PatientName": "*ler5*"}),
    ("by accession number", "STUDY", {"AccessionNumber": "A0007001"}),
    ("studies of a day", "STUDY", {"StudyDate": "20200511"}),
    ("studies of a month, with counts", "STUDY", {
        "StudyDate": "20200501-20200531", "ModalitiesInStudy": "", "NumberOfStudyRelatedInstances": "",
        "NumberOfStudyRelatedSeries": ""}),
    ("of a modality on a day", "STUDY", {"StudyDate": "20200511", "ModalitiesInStudy": "MR"}),
    ("series of a study", "SERIES", {"StudyInstanceUID": "1.2.3.500.1"}),
    ("images of a series", "IMAGE", {"StudyInstanceUID": "1.2.3.500.1", "SeriesInstanceUID": "1.2.3.500.1.2"}),
    ("one image, relational", "IMAGE", {"SOPInstanceUID": "1.2.3.500.1.2.3"}),
    ("all 2000 studies", "STUDY", {"StudyInstanceUID": ""}),
    ("nobody", "STUDY", {"PatientName": "nobody*"}),
)  # fmt: skip


def main():
    """Fill an index, ask it."""
    study_root = model_of(model("find", "study"))
    with tempfile.TemporaryDirectory() as directory, ArchiveIndex(sys.argv[1] if sys.argv[1:] else directory) as index:
        index.clear()
        began = time.perf_counter()
        batch = list(records())
        for start in range(0, len(batch), 500):
            index.add_all(batch[start : start + 500])
        seconds = time.perf_counter() - began
        print(f"{len(batch)} instances entered in {seconds:.1f} s, {len(batch) / seconds:.0f} a second")
        index.optimize()
        for words, level, keys in QUERIES:
            best = float("inf")
            for _ in range(5):
                began = time.perf_counter()
                search = index.search(identifier(level, **keys), study_root, RELATIONAL)
                found = sum(1 for _ in index.answers(search))
                best = min(best, time.perf_counter() - began)
            print(f"{words:34}{found:6} matches {best * 1000:8.1f} ms")


if __name__ == "__main__":
    main()
