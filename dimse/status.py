"""The Status (0000,0900) of a response: a number with a class and with words (PS3.7 Annex C, PS3.4).

`Status` is an int, so it compares with the numbers of the standard: `response.status == 0xFF00`. Its class
follows from the number alone; its words may depend on the service, since PS3.4 gives Axxx, Bxxx and Cxxx a
meaning per service. Both come from `spec/status.toml`, which is read when first asked for.
"""

from functools import lru_cache

from ..dul.errors import LocalProtocolError
from ..spec import status as spec


class Status(int):
    """A status code.

    Raises:
        LocalProtocolError: for a number that is not of 16 bits.
    """

    __slots__ = ()

    def __new__(cls, code: int) -> "Status":
        if not 0 <= code <= 0xFFFF:
            raise LocalProtocolError(f"a status has 16 bits, {code} does not fit")
        return super().__new__(cls, code)

    @property
    def category(self) -> str:
        """success, warning, failure, cancel or pending; failure for a number the standard does not allow,
        since nothing says then that the operation was performed."""
        return _category(self)

    @property
    def name(self) -> str:
        """In the words of the standard; where services differ, all of theirs."""
        return self.describe(self)

    @property
    def is_success(self) -> bool:
        """Performed, nothing to remark."""
        return self == 0

    @property
    def is_warning(self) -> bool:
        """Performed, with a deviation."""
        return _category(self) == "warning"

    @property
    def is_failure(self) -> bool:
        """Not performed."""
        return _category(self) == "failure"

    @property
    def is_cancel(self) -> bool:
        """Ended because a C-CANCEL-RQ asked for it."""
        return self == 0xFE00

    @property
    def is_pending(self) -> bool:
        """More responses to this request follow; every other status is final."""
        return self == 0xFF00 or self == 0xFF01

    @staticmethod
    def describe(code: int, service: str | None = None) -> str:
        """What a code means to a service of `spec/status.toml` ("storage", "find", "move", …), or to any.

        Raises:
            LocalProtocolError: for a service that is not in the table.
        """
        services = spec.load().services
        if service is not None and service not in services:
            raise LocalProtocolError(f"no service {service!r}; there are {', '.join(services)}")
        names = [meaning.name for meaning in spec.load().meanings(code, service)]
        return " | ".join(dict.fromkeys(names)) or "not a status of the standard"

    def __str__(self) -> str:
        return f"0x{int(self):04X} ({self.category}: {self.name})"

    def __repr__(self) -> str:
        return f"Status(0x{int(self):04X})"


@lru_cache(maxsize=1024)
def _category(code: int) -> str:
    return spec.load().category(code) or "failure"


# What dulcet itself answers with. PS3.7 C.1 to C.5:
SUCCESS = Status(0x0000)
NO_SUCH_ATTRIBUTE = Status(0x0105)
INVALID_ATTRIBUTE_VALUE = Status(0x0106)
ATTRIBUTE_LIST_ERROR = Status(0x0107)
PROCESSING_FAILURE = Status(0x0110)
DUPLICATE_SOP_INSTANCE = Status(0x0111)
NO_SUCH_SOP_INSTANCE = Status(0x0112)
NO_SUCH_EVENT_TYPE = Status(0x0113)
NO_SUCH_ARGUMENT = Status(0x0114)
INVALID_ARGUMENT_VALUE = Status(0x0115)
ATTRIBUTE_VALUE_OUT_OF_RANGE = Status(0x0116)
INVALID_SOP_INSTANCE = Status(0x0117)
NO_SUCH_SOP_CLASS = Status(0x0118)
CLASS_INSTANCE_CONFLICT = Status(0x0119)
MISSING_ATTRIBUTE = Status(0x0120)
MISSING_ATTRIBUTE_VALUE = Status(0x0121)
SOP_CLASS_NOT_SUPPORTED = Status(0x0122)
NO_SUCH_ACTION_TYPE = Status(0x0123)
NOT_AUTHORIZED = Status(0x0124)
DUPLICATE_INVOCATION = Status(0x0210)
UNRECOGNIZED_OPERATION = Status(0x0211)
MISTYPED_ARGUMENT = Status(0x0212)
RESOURCE_LIMITATION = Status(0x0213)
CANCEL = Status(0xFE00)
PENDING = Status(0xFF00)
PENDING_OPTIONAL_KEYS_NOT_SUPPORTED = Status(0xFF01)
# PS3.4 B.2.3, C.4:
OUT_OF_RESOURCES = Status(0xA700)
UNABLE_TO_CALCULATE_NUMBER_OF_MATCHES = Status(0xA701)
UNABLE_TO_PERFORM_SUBOPERATIONS = Status(0xA702)
MOVE_DESTINATION_UNKNOWN = Status(0xA801)
DATA_SET_DOES_NOT_MATCH_SOP_CLASS = Status(0xA900)
SUBOPERATIONS_COMPLETE_WITH_FAILURES = Status(0xB000)
COERCION_OF_DATA_ELEMENTS = Status(0xB000)
ELEMENTS_DISCARDED = Status(0xB006)
DATA_SET_DOES_NOT_MATCH_SOP_CLASS_WARNING = Status(0xB007)
CANNOT_UNDERSTAND = Status(0xC000)
UNABLE_TO_PROCESS = Status(0xC000)
