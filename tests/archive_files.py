"""Small objects for an archive, and a process that stores them until it is killed."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dulcet.services.identifiers import encode
from dulcet.services.storage.part10 import file_meta
from pydicom.dataset import Dataset

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"


def instance(uid, *, study="1.2", series="1.2.1", patient="P1", name="Doe^Jane", pixels=b"", **more):
    """A data set of a CT image."""
    found = Dataset()
    found.SOPClassUID, found.SOPInstanceUID = CT, uid
    found.StudyInstanceUID, found.SeriesInstanceUID = study, series
    found.PatientID, found.PatientName, found.Modality = patient, name, "CT"
    for keyword, value in more.items():
        setattr(found, keyword, value)
    if pixels:
        found.add_new(0x7FE00010, "OW", pixels)
    return found


def write(path, dataset):
    """Make it a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file_meta(CT, dataset.SOPInstanceUID, EXPLICIT) + encode(dataset, EXPLICIT))
    return path


def numbered(number):
    """The object of this number: a hundred kilobytes, in one of five studies."""
    study = f"1.2.{number % 5}"
    return instance(f"{study}.1.{number}", study=study, series=f"{study}.1", pixels=number.to_bytes(4, "big") * 25_000)


def store(archive, dataset):
    """As a C-STORE does, without the network; the status it would be answered with."""
    incoming = archive.store.begin(
        sop_class_uid=CT, sop_instance_uid=dataset.SOPInstanceUID, transfer_syntax_uid=EXPLICIT
    )
    incoming.write(encode(dataset, EXPLICIT))
    return archive.services[0].keep(incoming.finish()).status


def main():
    """Store from a number on, and tell of each object that was acknowledged: directory, number, perhaps a URL."""
    from dulcet.services.archive.archive import Archive

    directory, number = sys.argv[1], int(sys.argv[2])
    with Archive(directory, *sys.argv[3:]) as archive:
        while True:
            assert store(archive, numbered(number)) == 0
            print(number, flush=True)
            number += 1


if __name__ == "__main__":
    main()
