"""What a walk from a patient to images finds at each level: study, series, image (PS3.4 C.3), made of the identifiers
of matches, and the unique keys that lead to what is below."""

from dataclasses import field

from pydicom.dataset import Dataset

from ...spec.values import value
from .keys import keys


@value
class Study:
    """A study that was found."""

    study_instance_uid: str
    """Study Instance UID (0020,000D)."""
    patient_id: str = ""
    """Patient ID (0010,0020)."""
    date: str = ""
    """Study Date (0008,0020), YYYYMMDD."""
    description: str = field(default="", repr=False)
    """Study Description (0008,1030)."""
    accession_number: str = ""
    """Accession Number (0008,0050)."""
    modalities: tuple[str, ...] = ()
    """Modalities in Study (0008,0061)."""
    identifier: Dataset | None = field(default=None, repr=False, compare=False)
    """All that the archive said."""


@value
class Series:
    """A series that was found."""

    study: Study
    """What it is part of."""
    series_instance_uid: str
    """Series Instance UID (0020,000E)."""
    modality: str = ""
    """Modality (0008,0060)."""
    number: int | None = None
    """Series Number (0020,0011)."""
    description: str = field(default="", repr=False)
    """Series Description (0008,103E)."""
    identifier: Dataset | None = field(default=None, repr=False, compare=False)
    """All that the archive said."""


@value
class Image:
    """A composite object that was found."""

    series: Series
    """What it is part of."""
    sop_instance_uid: str
    """SOP Instance UID (0008,0018)."""
    sop_class_uid: str = ""
    """SOP Class UID (0008,0016); empty where the archive does not tell."""
    number: int | None = None
    """Instance Number (0020,0013)."""
    identifier: Dataset | None = field(default=None, repr=False, compare=False)
    """All that the archive said."""

    @property
    def keys(self) -> Dataset:
        """The unique keys that lead to it."""
        return keys(**keys_of_series(self.series), SOPInstanceUID=self.sop_instance_uid)


def study_of(patient_id: str, each: Dataset) -> Study:
    """A study, of a match at STUDY level."""
    modalities = _text(each, "ModalitiesInStudy")
    return Study(
        _text(each, "StudyInstanceUID"),
        _text(each, "PatientID") or patient_id,
        _text(each, "StudyDate"),
        _text(each, "StudyDescription"),
        _text(each, "AccessionNumber"),
        tuple(modalities.split("\\")) if modalities else (),
        each,
    )


def series_of(study: Study, each: Dataset) -> Series:
    """A series, of a match at SERIES level."""
    return Series(
        study,
        _text(each, "SeriesInstanceUID"),
        _text(each, "Modality"),
        _number(each, "SeriesNumber"),
        _text(each, "SeriesDescription"),
        each,
    )


def image_of(series: Series, each: Dataset) -> Image:
    """An image, of a match at IMAGE level."""
    uid, sop_class = _text(each, "SOPInstanceUID"), _text(each, "SOPClassUID")
    return Image(series, uid, sop_class, _number(each, "InstanceNumber"), each)


def keys_of_patient(patient_id: str) -> dict[str, str]:
    """The unique key that leads to a patient."""
    return {"PatientID": patient_id}


def keys_of_study(study: Study) -> dict[str, str]:
    """The unique key that leads to a study."""
    return {"StudyInstanceUID": study.study_instance_uid}


def keys_of_series(series: Series) -> dict[str, str]:
    """The unique keys that lead to a series."""
    return keys_of_study(series.study) | {"SeriesInstanceUID": series.series_instance_uid}


def _text(dataset: Dataset, keyword: str) -> str:
    """A value as text, several with backslashes between them; empty where there is none."""
    value = dataset.get(keyword)
    if value is None:
        return ""
    return str(value) if isinstance(value, str) else "\\".join(map(str, value))


def _number(dataset: Dataset, keyword: str) -> int | None:
    """A value as a number; None where there is none, or what is there is no number."""
    try:
        return int(dataset.get(keyword))
    except (TypeError, ValueError):
        return None
