"""The command lines of the tools: DCMTK's spellings, transcribed by hand, and what they mean here."""

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from dulcet.tools.options import transfer_syntaxes, values
from dulcet.tools.options.command_line import build_parser, parse, version_text
from dulcet.tools.options.help_page import _entry, help_text
from dulcet.tools.options.not_offered import NOT_OFFERED
from dulcet.tools.options.table import LETTER_OF_TOOL, defaults, rows
from dulcet.tools.options.tool_texts import TOOLS

ARGUMENTS = {
    "echoscu": ["localhost", "11112"],
    "storescu": ["localhost", "11112", "a.dcm"],
    "storescp": ["11112"],
    "findscu": ["localhost", "11112"],
    "getscu": ["localhost", "11112", "query"],
    "movescu": ["localhost", "11112"],
    "qrscp": ["archive"],
    "termscu": ["localhost", "11112"],
    "dcmsend": ["localhost", "11112", "a.dcm"],
    "dcmrecv": ["11112"],
}
EXPLICIT, BIG, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2"
UNCOMPRESSED = (EXPLICIT, BIG, IMPLICIT)


def jpeg(number: int) -> str:
    return f"1.2.840.10008.1.2.4.{number}"


# The columns: the tools (their letters in `LETTER_OF_TOOL`), the words, the attribute, its value.
WORDS: list[tuple[str, str, str, object]] = [
    ("EUPTFGMQSR", "-q", "log_level", "fatal"),
    ("EUPTFGMQSR", "--quiet", "log_level", "fatal"),
    ("EUPTFGMQSR", "-v", "log_level", "info"),
    ("EUPTFGMQSR", "--verbose", "log_level", "info"),
    ("EUPTFGMQSR", "-d", "log_level", "debug"),
    ("EUPTFGMQSR", "--debug", "log_level", "debug"),
    ("EUPTFGMQSR", "-ll trace", "log_level", "trace"),
    ("EUPTFGMQSR", "--log-level error", "log_level", "error"),
    ("EUPTFGMQSR", "--arguments", "arguments", True),
    ("UPGQSR", "+v", "verbose_pc", True),
    ("UPGQSR", "--verbose-pc", "verbose_pc", True),
    ("EUPTFGMQSR", "-i4", "ip", "4"),
    ("EUPTFGMQSR", "--ipv4", "ip", "4"),
    ("EUPTFGMQSR", "-i6", "ip", "6"),
    ("EUPTFGMQSR", "--ipv6", "ip", "6"),
    ("EUPTFGMQSR", "-i0", "ip", "auto"),
    ("EUPTFGMQSR", "--ip-auto", "ip", "auto"),
    ("EUPTFGMQSR", "-aet MY_TITLE", "aetitle", "MY_TITLE"),
    ("EUPTFGMQSR", "--aetitle MY_TITLE", "aetitle", "MY_TITLE"),
    ("EUTFGMS", "-aec THEIRS", "call", "THEIRS"),
    ("EUTFGMS", "--call THEIRS", "call", "THEIRS"),
    ("EUTFGMS", "-to 5", "timeout", 5.0),
    ("EUTFGMS", "--timeout 0", "timeout", None),
    ("EUPFGMQSR", "-ts 60", "socket_timeout", 60.0),
    ("EUPFGMSR", "--socket-timeout -1", "socket_timeout", None),
    ("EUPTFGMQSR", "-ta 12", "acse_timeout", 12.0),
    ("EUPTFGMQSR", "--acse-timeout 0.5", "acse_timeout", 0.5),
    ("EUFGMS", "-td 9", "dimse_timeout", 9.0),
    ("EUFGMS", "--dimse-timeout 0", "dimse_timeout", None),
    ("PQR", "-td 9", "idle_timeout", 9.0),
    ("PQR", "--dimse-timeout 0", "idle_timeout", None),
    ("EUPTFGMQSR", "-pdu 4096", "max_pdu", 4096),
    ("EUPTFGMQSR", "--max-pdu 131072", "max_pdu", 131072),
    ("EUPTFGMQSR", "-pdu 0", "max_pdu", 0),
    ("US", "--max-send-pdu 16384", "max_send_pdu", 16384),
    ("EUFGM", "--repeat 3", "repeat", 3),
    ("EUFGM", "--abort", "abort", True),
    ("E", "-pts 38", "propose_ts", 38),
    ("E", "--propose-ts 2", "propose_ts", 2),
    ("E", "-ppc 128", "propose_pc", 128),
    ("E", "--propose-pc 7", "propose_pc", 7),
    ("UPSR", "-xf storescp.cfg Default", "config_file", ["storescp.cfg", "Default"]),
    ("UPSR", "--config-file a b", "config_file", ["a", "b"]),
    ("UFGM", "-x=", "propose", UNCOMPRESSED),
    ("UFGM", "--propose-uncompr", "propose", UNCOMPRESSED),
    ("UFGM", "-xe", "propose", UNCOMPRESSED),
    ("UFGM", "--propose-little", "propose", UNCOMPRESSED),
    ("UFGM", "-xb", "propose", (BIG, EXPLICIT, IMPLICIT)),
    ("UFGM", "-xi", "propose", (IMPLICIT,)),
    ("UFGM", "--propose-implicit", "propose", (IMPLICIT,)),
    ("UFGM", "-xd", "propose", ("1.2.840.10008.1.2.1.99", *UNCOMPRESSED)),
    ("U", "-xs", "propose", (jpeg(70), *UNCOMPRESSED)),
    ("U", "--propose-lossless", "propose", (jpeg(70), *UNCOMPRESSED)),
    ("U", "-xy", "propose", (jpeg(50), *UNCOMPRESSED)),
    ("U", "--propose-jpeg8", "propose", (jpeg(50), *UNCOMPRESSED)),
    ("U", "-xx", "propose", (jpeg(51), *UNCOMPRESSED)),
    ("U", "--propose-jpeg12", "propose", (jpeg(51), *UNCOMPRESSED)),
    ("U", "-xv", "propose", (jpeg(90), *UNCOMPRESSED)),
    ("U", "--propose-j2k-lossless", "propose", (jpeg(90), *UNCOMPRESSED)),
    ("U", "-xw", "propose", (jpeg(91), *UNCOMPRESSED)),
    ("U", "--propose-j2k-lossy", "propose", (jpeg(91), *UNCOMPRESSED)),
    ("U", "-xt", "propose", (jpeg(80), *UNCOMPRESSED)),
    ("U", "-xu", "propose", (jpeg(81), *UNCOMPRESSED)),
    ("U", "-xm", "propose", (jpeg(100),)),
    ("U", "-xh", "propose", (jpeg(101),)),
    ("U", "-xn", "propose", (jpeg(102),)),
    ("U", "-xl", "propose", (jpeg(103),)),
    ("U", "-x2", "propose", (jpeg(104),)),
    ("U", "-x3", "propose", (jpeg(105),)),
    ("U", "-xo", "propose", (jpeg(106),)),
    ("U", "-x4", "propose", (jpeg(107),)),
    ("U", "-x5", "propose", (jpeg(108),)),
    ("U", "-xr", "propose", ("1.2.840.10008.1.2.5", *UNCOMPRESSED)),
    ("U", "--propose-rle", "propose", ("1.2.840.10008.1.2.5", *UNCOMPRESSED)),
    ("PGM", "+x=", "prefer", UNCOMPRESSED),
    ("PGM", "--prefer-uncompr", "prefer", UNCOMPRESSED),
    ("PGM", "+xe", "prefer", UNCOMPRESSED),
    ("PGM", "+xb", "prefer", (BIG, EXPLICIT, IMPLICIT)),
    ("PGM", "+xi", "prefer", (IMPLICIT,)),
    ("PGM", "--implicit", "prefer", (IMPLICIT,)),
    ("PGM", "+xs", "prefer", (jpeg(70), *UNCOMPRESSED)),
    ("PGM", "--prefer-lossless", "prefer", (jpeg(70), *UNCOMPRESSED)),
    ("PGM", "+xy", "prefer", (jpeg(50), *UNCOMPRESSED)),
    ("PGM", "+xx", "prefer", (jpeg(51), *UNCOMPRESSED)),
    ("PGM", "+xv", "prefer", (jpeg(90), *UNCOMPRESSED)),
    ("PGM", "+xw", "prefer", (jpeg(91), *UNCOMPRESSED)),
    ("PGM", "+xt", "prefer", (jpeg(80), *UNCOMPRESSED)),
    ("PGM", "+xu", "prefer", (jpeg(81), *UNCOMPRESSED)),
    ("PGM", "+xm", "prefer", (jpeg(100), *UNCOMPRESSED)),
    ("PGM", "+xh", "prefer", (jpeg(101), *UNCOMPRESSED)),
    ("PGM", "+xn", "prefer", (jpeg(102), *UNCOMPRESSED)),
    ("PGM", "+xl", "prefer", (jpeg(103), *UNCOMPRESSED)),
    ("PGM", "+x2", "prefer", (jpeg(104), *UNCOMPRESSED)),
    ("PGM", "+x3", "prefer", (jpeg(105), *UNCOMPRESSED)),
    ("PGM", "+xo", "prefer", (jpeg(106), *UNCOMPRESSED)),
    ("PGM", "+x4", "prefer", (jpeg(107), *UNCOMPRESSED)),
    ("PGM", "+x5", "prefer", (jpeg(108), *UNCOMPRESSED)),
    ("PGM", "+xr", "prefer", ("1.2.840.10008.1.2.5", *UNCOMPRESSED)),
    ("PGM", "+xd", "prefer", ("1.2.840.10008.1.2.1.99", *UNCOMPRESSED)),
    ("U", "-R", "required", True),
    ("U", "--required", "required", True),
    ("U", "+C", "combine", True),
    ("EUFGMS", "-usr me", "user", "me"),
    ("EUFGMS", "-usr me -pwd secret", "password", "secret"),
    ("EUFGMS", "-usr me --password secret", "password", "secret"),
    ("EUFGMS", "-usr me -epw", "password", ""),
    ("EUFGMS", "-kt ticket", "kerberos", "ticket"),
    ("EUFGMS", "--saml assertion.xml", "saml", "assertion.xml"),
    ("EUFGMS", "--jwt token", "jwt", "token"),
    ("EUFGMS", "-usr me -rsp", "pos_response", True),
    ("US", "+f", "read", "any"),
    ("US", "--read-file", "read", "any"),
    ("US", "+fo", "read", "file"),
    ("US", "--read-file-only", "read", "file"),
    ("US", "-f", "read", "dataset"),
    ("US", "--read-dataset", "read", "dataset"),
    ("US", "+sd", "scan_directories", True),
    ("US", "--scan-directories", "scan_directories", True),
    ("US", "+sd +sp *.dcm", "scan_pattern", "*.dcm"),
    ("US", "+sd --scan-pattern *.dcm", "scan_pattern", "*.dcm"),
    ("US", "-r", "recurse", False),
    ("US", "--no-recurse", "recurse", False),
    ("US", "+sd +r", "recurse", True),
    ("US", "+sd --recurse", "recurse", True),
    ("US", "-nh", "no_halt", True),
    ("US", "--no-halt", "no_halt", True),
    ("PQ", "--single-process", "max_associations", 1),
    ("P", "--fork", "fork", True),
    ("PQR", "--max-associations 8", "max_associations", 8),
    ("PMQR", "-dhl", "disable_host_lookup", True),
    ("PQ", "-pm", "promiscuous", True),
    ("PQ", "--promiscuous", "promiscuous", True),
    ("PGMR", "--ignore", "ignore", True),
    ("P", "--refuse", "refuse", True),
    ("P", "--reject", "reject", True),
    ("P", "--sleep-after 2", "sleep_after", 2.0),
    ("P", "--abort-after", "abort", "after"),
    ("P", "--abort-during", "abort", "during"),
    ("PFGMR", "-od incoming", "output_directory", "incoming"),
    ("PFGMR", "--output-directory incoming", "output_directory", "incoming"),
    ("PGMR", "-B", "normal", True),
    ("PGMR", "--normal", "normal", True),
    ("PM", "+t=", "write_syntax", None),
    ("PM", "--write-xfer-same", "write_syntax", None),
    ("PM", "+te", "write_syntax", EXPLICIT),
    ("PM", "--write-xfer-little", "write_syntax", EXPLICIT),
    ("PM", "+tb", "write_syntax", BIG),
    ("PM", "+ti", "write_syntax", IMPLICIT),
    ("PM", "+td", "write_syntax", "1.2.840.10008.1.2.1.99"),
    ("PM", "--write-xfer-deflated", "write_syntax", "1.2.840.10008.1.2.1.99"),
    ("PM", "--write-xfer-implicit", "write_syntax", IMPLICIT),
    ("PGMR", "+B", "bit_preserving", True),
    ("PGMR", "--bit-preserving", "bit_preserving", True),
    ("PGM", "+xa", "prefer", transfer_syntaxes.ACCEPT_ALL),
    ("PGM", "--accept-all", "prefer", transfer_syntaxes.ACCEPT_ALL),
    ("PM", "+F", "write_dataset", False),
    ("PM", "-F", "write_dataset", True),
    ("P", "-su study", "sort_on_study_uid", "study"),
    ("P", "--sort-on-study-uid study", "sort_on_study_uid", "study"),
    ("P", "-uf", "filenames", "uid"),
    ("PR", "--default-filenames", "filenames", "uid"),
    ("P", "+uf", "filenames", "unique"),
    ("PR", "--unique-filenames", "filenames", "unique"),
    ("PR", "-fe .dcm", "filename_extension", ".dcm"),
    ("PR", "--filename-extension .dcm", "filename_extension", ".dcm"),
    ("P", "-xcr process", "exec_on_reception", "process"),
    ("P", "--exec-on-reception process", "exec_on_reception", "process"),
    ("P", "-xcr process -xs", "exec_sync", True),
    ("EUPTFGMQSR", "-tls", "tls", None),
    ("EUPTFGMQSR", "--disable-tls", "tls", None),
    ("EUPTFGMQSR", "+tls key.pem cert.pem", "tls", ["key.pem", "cert.pem"]),
    ("EUPTFGMQSR", "--enable-tls key.pem cert.pem", "tls", ["key.pem", "cert.pem"]),
    ("EUTFGMS", "+tla", "tls", ()),
    ("EUPTFGMQSR", "+tls k c +ps", "key_password", None),
    ("EUPTFGMQSR", "+tls k c +pw secret", "key_password", "secret"),
    ("EUPTFGMQSR", "+tls k c -pw", "key_password", ""),
    ("EUPTFGMQSR", "-pem", "pem_keys", True),
    ("EUPTFGMQSR", "--pem-keys", "pem_keys", True),
    ("EUPTFGMQSR", "+tls k c +cf ca.pem", "add_cert_file", ["ca.pem"]),
    ("EUPTFGMQSR", "+tls k c --add-cert-file ca.pem", "add_cert_file", ["ca.pem"]),
    ("EUPTFGMQSR", "+tls k c +cd certs", "add_cert_dir", ["certs"]),
    ("EUPTFGMQSR", "+tls k c +crl revoked.pem", "add_crl_file", ["revoked.pem"]),
    ("EUPTQSR", "+tls k c +crl revoked.pem", "crl_check", "leaf"),
    ("EUPTFGMQSR", "+tls k c +cra +crl revoked.pem", "crl_check", "chain"),
    ("EUPTFGMQSR", "+tls k c +crv", "crl_check", "leaf"),
    ("EUPTFGMQSR", "+tls k c +cra", "crl_check", "chain"),
    ("EUPTFGMQSR", "+px", "security_profile", "bcp195"),
    ("EUPTFGMQSR", "--profile-bcp195", "security_profile", "bcp195"),
    ("EUPTFGMQSR", "+pz", "security_profile", "bcp195-ex"),
    ("EUPTFGMQSR", "--profile-bcp195-ex", "security_profile", "bcp195-ex"),
    ("EUPTFGMQSR", "+pa", "security_profile", "aes"),
    ("EUPTFGMQSR", "--profile-aes", "security_profile", "aes"),
    ("EUPTFGMQSR", "+pb", "security_profile", "basic"),
    ("EUPTFGMQSR", "--profile-basic", "security_profile", "basic"),
    ("EUPTFGMQSR", "+pn", "security_profile", "null"),
    ("EUPTFGMQSR", "--profile-null", "security_profile", "null"),
    ("EUPTFGMQSR", "+pg", "security_profile", "8996"),
    ("EUPTFGMQSR", "--profile-8996", "security_profile", "8996"),
    ("EUPTFGMQSR", "+pm", "security_profile", "8996-mod"),
    ("EUPTFGMQSR", "+py", "security_profile", "bcp195-nd"),
    ("EUPTFGMQSR", "+tls k c +cs ONE +cs TWO", "cipher", ["ONE", "TWO"]),
    ("EUTFGMS", "+tls k c --request-sni pacs", "request_sni", "pacs"),
    ("EUTFGMS", "--no-sni", "request_sni", None),
    ("PMQR", "+tls k c --expect-sni pacs", "expect_sni", "pacs"),
    ("EUPTFGMQSR", "-rc", "peer_cert", "require"),
    ("EUPTFGMQSR", "--require-peer-cert", "peer_cert", "require"),
    ("PMQR", "+tls k c -vc", "peer_cert", "verify"),
    ("PMQR", "+tls k c --verify-peer-cert", "peer_cert", "verify"),
    ("EUPTFGMQSR", "+tls k c -ic", "peer_cert", "ignore"),
    ("EUPTFGMQSR", "+tls k c --ignore-peer-cert", "peer_cert", "ignore"),
    ("E", "+vc client.pem", "verify_cert", "client.pem"),
    ("E", "--verify-cert client.pem +cf ca.pem", "add_cert_file", ["ca.pem"]),
    ("E", "+rc ca.pem", "is_root_cert", "ca.pem"),
    ("E", "--is-root-cert ca.pem", "is_root_cert", "ca.pem"),
    # Queries.
    ("FGM", "-k PatientID=1 -k PatientName", "key", ["PatientID=1", "PatientName"]),
    ("FGM", "--key (0010,0020)=1", "key", ["(0010,0020)=1"]),
    ("F", "-W", "model", "worklist"),
    ("F", "--worklist", "model", "worklist"),
    ("FGM", "-P", "model", "patient"),
    ("FGM", "--patient", "model", "patient"),
    ("FGM", "-S", "model", "study"),
    ("FGM", "--study", "model", "study"),
    ("FGM", "-O", "model", "patient-study-only"),
    ("FGM", "--psonly", "model", "patient-study-only"),
    ("FGM", "--cancel 3", "cancel", 3),
    ("F", "+sr", "responses", "shown"),
    ("F", "--show-responses", "responses", "shown"),
    ("F", "-sr", "responses", "hidden"),
    ("F", "--hide-responses", "responses", "hidden"),
    ("F", "-X", "extract", True),
    ("F", "--extract", "extract", True),
    ("F", "-Xx", "extract_xml", True),
    ("F", "--extract-xml", "extract_xml", True),
    ("F", "-Xs all.xml", "extract_xml_single", "all.xml"),
    ("F", "--extract-xml-single all.xml", "extract_xml_single", "all.xml"),
    ("F", "-Xlo 5", "limit_output", 5),
    ("F", "--limit-output 5", "limit_output", 5),
    ("M", "-aem THEM", "move", "THEM"),
    ("M", "--move THEM", "move", "THEM"),
    ("M", "--no-port", "listen_port", None),
    ("M", "+P 11113", "listen_port", 11113),
    ("M", "--port 11113", "listen_port", 11113),
    ("U", "+II", "invent_instance", True),
    ("U", "--invent-instance", "invent_instance", True),
    ("U", "+IR 7", "invent_series", 7),
    ("U", "+IR 7", "invent_instance", True),
    ("U", "--invent-study 2", "invent_study", 2),
    ("U", "+IS 2", "invent_instance", True),
    ("U", "+IP 2", "invent_patient", 2),
    ("U", "--invent-patient 2", "invent_instance", True),
    # dcmsend and dcmrecv.
    ("S", "+f", "read", "any"),
    ("S", "--read-file", "read", "any"),
    ("S", "+fo", "read", "file"),
    ("S", "--read-file-only", "read", "file"),
    ("S", "+rd", "read_from_dicomdir", True),
    ("S", "--read-from-dicomdir", "read_from_dicomdir", True),
    ("S", "-nuc", "no_uid_checks", True),
    ("S", "--no-uid-checks", "no_uid_checks", True),
    ("S", "-nip", "no_illegal_proposal", True),
    ("S", "--no-illegal-proposal", "no_illegal_proposal", True),
    ("S", "-dn", "decompress", "never"),
    ("S", "--decompress-never", "decompress", "never"),
    ("S", "+dls", "decompress", "lossless"),
    ("S", "--decompress-lossless", "decompress", "lossless"),
    ("S", "+dly", "decompress", "lossy"),
    ("S", "--decompress-lossy", "decompress", "lossy"),
    ("S", "--list-decoders", "list_decoders", True),
    ("S", "+ma", "single_association", False),
    ("S", "--multi-associations", "single_association", False),
    ("S", "-ma", "single_association", True),
    ("S", "--single-association", "single_association", True),
    ("S", "+crf report.txt", "create_report_file", "report.txt"),
    ("S", "--create-report-file report.txt", "create_report_file", "report.txt"),
    ("R", "-aet MY_TITLE", "aetitle", "MY_TITLE"),
    ("R", "-uca", "aetitle", None),
    ("R", "--use-called-aetitle", "aetitle", None),
    ("R", "-s", "series_date_subdir", False),
    ("R", "--no-subdir", "series_date_subdir", False),
    ("R", "+ssd", "series_date_subdir", True),
    ("R", "--series-date-subdir", "series_date_subdir", True),
    ("R", "+fd", "filenames", "uid"),
    ("R", "--default-filenames", "filenames", "uid"),
    ("R", "+fu", "filenames", "unique"),
    ("R", "--unique-filenames", "filenames", "unique"),
    ("R", "+fsu", "filenames", "short"),
    ("R", "--short-unique-names", "filenames", "short"),
    ("R", "+fst", "filenames", "system-time"),
    ("R", "--system-time-names", "filenames", "system-time"),
    ("P", "-tn", "filenames", "time"),
    ("P", "--timenames", "filenames", "time"),
    ("P", "-ss in", "sort_conc_studies", "in"),
    ("P", "--sort-conc-studies in", "sort_conc_studies", "in"),
    ("P", "-sp", "sort_on_patientname", True),
    ("P", "--sort-on-patientname", "sort_on_patientname", True),
    ("P", "--sleep-during 2", "sleep_during", 2.0),
    ("P", "-su x -xcs process", "exec_on_eostudy", "process"),
    ("P", "-su x --exec-on-eostudy process", "exec_on_eostudy", "process"),
    ("P", "-su x -xcs process -tos 5", "eostudy_timeout", 5.0),
    ("P", "-su x -xcs process --eostudy-timeout 5", "eostudy_timeout", 5.0),
    ("S", "--jobs 4", "jobs", 4),
    ("S", "--retry 8", "retry", 8),
    ("S", "--retry-delay 0.5", "retry_delay", 0.5),
    ("S", "--retry-jitter 0", "retry_jitter", 0.0),
    ("S", "--resume sent.log", "resume", "sent.log"),
    ("S", "--report-json report.json", "report_json", "report.json"),
    # Our own.
    ("FGM", "--model composite", "model", "composite"),
    ("FGM", "--relational", "relational", True),
    ("FGM", "--enhanced", "enhanced", True),
    ("F", "--date-time-matching", "date_time_matching", True),
    ("F", "--fuzzy-names", "fuzzy_names", True),
    ("F", "--time-zone", "time_zone", True),
    ("F", "--empty-values", "empty_values", True),
    ("F", "--multiple-values", "multiple_values", True),
    ("EUPTFGMQSR", "--json", "json", True),
    ("EUPTFGMQSR", "--log-format json", "log_format", "json"),
    ("EUFGMS", "--no-progress", "no_progress", True),
    ("PQR", "--allow-shutdown", "allow_shutdown", True),
    ("PQR", "--artim 5", "artim", 5.0),
    ("PMQR", "--idle-timeout 0", "idle_timeout", None),
    ("PQR", "--max-connections 10", "max_connections", 10),
    ("PQR", "--workers 4", "workers", 4),
    ("PGMQR", "--durability crash-safe", "durability", "crash-safe"),
    ("PQ", "--check-called-aetitle", "check_called_aetitle", True),
    ("PQR", "--allow-calling-aetitle A --allow-calling-aetitle B", "allow_calling_aetitle", ["A", "B"]),
    ("PQR", "--allow-address 10.0.0.0/8 --allow-address ::1", "allow_address", ["10.0.0.0/8", "::1/128"]),
    ("PQR", "--proxy-network 192.0.2.0/24", "proxy_network", ["192.0.2.0/24"]),
    ("P", "--exec-timeout 5", "exec_timeout", 5.0),
    ("P", "--exec-concurrency 2", "exec_concurrency", 2),
    ("Q", "--port 104", "port", 104),
    ("Q", "--index sqlite:///x", "index", "sqlite:///x"),
    ("Q", "--destinations entities.toml", "destinations", "entities.toml"),
    ("Q", "--reindex", "reindex", True),
    ("QS", "--no-progress", "no_progress", True),
]

SPELLINGS = [
    pytest.param(tool, words, attribute, value, id=f"{tool} {words} {attribute}")
    for letters, words, attribute, value in WORDS
    for tool, letter in LETTER_OF_TOOL.items()
    if letter in letters
]


@pytest.mark.parametrize(("tool", "words", "attribute", "value"), SPELLINGS)
def test_dcmtk_spelling(tool: str, words: str, attribute: str, value: object) -> None:
    before = parse(tool, [*words.split(), *ARGUMENTS[tool]])
    after = parse(tool, [*ARGUMENTS[tool], *words.split()])
    assert getattr(before, attribute) == value
    assert vars(before) == vars(after)


def test_every_tool_s_options_are_all_spelled_in_these_tests() -> None:
    printed = {"-h", "--help", "--version", "+ph", "+cc", "--list-profiles", "--list-ciphers"}
    for tool, letter in LETTER_OF_TOOL.items():
        spelled = {word for letters, words, _, _ in WORDS if letter in letters for word in words.split()}
        for _, group in rows(tool):
            for row in group:
                assert spelled & set(row.flags) or printed & set(row.flags), f"{tool} {row.usage}"


def test_defaults() -> None:
    args = parse("echoscu", ["localhost", "11112"])
    assert (args.tool, args.peer, args.port) == ("echoscu", "localhost", 11112)
    assert (args.aetitle, args.call) == ("ECHOSCU", "ANY-SCP")
    assert (args.timeout, args.acse_timeout, args.dimse_timeout) == (10.0, 30.0, 300.0)
    assert (args.max_pdu, args.repeat, args.tls, args.log_level) == (131072, 1, None, "warn")
    args = parse("storescp", ["0"])
    assert (args.aetitle, args.port, args.prefer) == ("STORESCP", 0, UNCOMPRESSED)
    assert (args.max_connections, args.max_associations, args.artim, args.idle_timeout) == (
        1000,
        200,
        30,
        300,
    )
    args = parse("storescu", ["localhost", "1", "a", "b"])
    assert (args.aetitle, args.files, args.propose) == ("STORESCU", ["a", "b"], None)
    assert parse("termscu", ["localhost", "1"]).aetitle == "TERMSCU"
    args = parse("findscu", ["localhost", "1"])
    assert (args.aetitle, args.model, args.key, args.files, args.output_directory) == (
        "FINDSCU",
        "worklist",
        [],
        [],
        ".",
    )
    args = parse("movescu", ["localhost", "1"])
    assert (args.aetitle, args.model, args.move, args.listen_port, args.prefer) == (
        "MOVESCU",
        "patient",
        None,
        None,
        UNCOMPRESSED,
    )
    args = parse("getscu", ["localhost", "1"])
    assert (args.aetitle, args.model, args.prefer, args.propose) == ("GETSCU", "patient", UNCOMPRESSED, None)


def test_each_parse_has_lists_of_its_own() -> None:
    parse("echoscu", ["h", "1"]).cipher.append("changed")
    assert parse("echoscu", ["h", "1"]).cipher == []


@pytest.mark.parametrize(
    ("tool", "words", "attribute", "value"),
    [
        ("echoscu", "-v -q", "log_level", "fatal"),
        ("echoscu", "-q -d -v", "log_level", "info"),
        ("echoscu", "-ll fatal -d", "log_level", "debug"),
        ("echoscu", "+tls k c -tls", "tls", None),
        ("echoscu", "-tls +tls k c", "tls", ["k", "c"]),
        ("echoscu", "+tla +tls k c +tla", "tls", ()),
        ("storescu", "-xs -xi", "propose", (IMPLICIT,)),
        ("storescu", "-xi -xs", "propose", (jpeg(70), *UNCOMPRESSED)),
        ("storescp", "+xa +x=", "prefer", UNCOMPRESSED),
        ("storescp", "+uf -uf", "filenames", "uid"),
        ("storescp", "--single-process --max-associations 5", "max_associations", 5),
        ("storescu", "+sd +r -r", "recurse", False),
        ("storescu", "-aec A -aec B", "call", "B"),
    ],
)
def test_the_rightmost_wins(tool: str, words: str, attribute: str, value: object) -> None:
    assert getattr(parse(tool, [*words.split(), *ARGUMENTS[tool]]), attribute) == value


def test_options_stand_anywhere() -> None:
    args = parse("storescu", ["-v", "host", "-aec", "A", "104", "one", "-nh", "two", "-to", "5", "three"])
    assert (args.peer, args.port, args.files) == ("host", 104, ["one", "two", "three"])
    assert (args.call, args.no_halt, args.timeout, args.log_level) == ("A", True, 5.0, "info")


def test_after_two_dashes_there_are_arguments_only() -> None:
    assert parse("storescu", ["host", "104", "--", "-v", "+r"]).files == ["-v", "+r"]


def test_a_value_may_look_like_an_option_when_it_is_attached() -> None:
    assert parse("echoscu", ["--user=-v", "h", "1"]).user == "-v"
    assert parse("echoscu", ["-usr", "-me", "h", "1"]).user == "-me"
    assert parse("storescp", ["--sort-on-study-uid=", "1"]).sort_on_study_uid == ""


REFUSED = [
    ("echoscu", "h 1 --acse-timeout 0", "-ta/--acse-timeout"),
    ("echoscu", "h 1 -ta soon", "not a number of seconds"),
    ("echoscu", "h 1 -to nan", "-to/--timeout"),
    ("echoscu", "h 1 -pdu 4095", "from 4096 to 16777216"),
    ("echoscu", "h 1 -pdu 16777217", "-pdu/--max-pdu"),
    ("echoscu", "h 1 -pdu big", "'big' is not a whole number"),
    ("echoscu", "h 1 --repeat 0", "1 or more"),
    ("echoscu", "h 1 -ppc 129", "from 1 to 128"),
    ("echoscu", "h 1 -pts 0", "-pts/--propose-ts"),
    ("echoscu", "h 1 -ll loud", "fatal, error, warn, info, debug, trace"),
    ("echoscu", "h 1 -aet TITLE_OF_17_CHARS", "1 to 16 characters"),
    ("echoscu", "h 1 -aec A\\B", "no backslash"),
    ("echoscu", "h 1 -aec ÄRZTE", "ASCII"),
    ("echoscu", "h 0", "from 1 to 65535"),
    ("echoscu", "h 65536", "port"),
    ("echoscu", "h", "dulcet echoscu: port is missing: dulcet echoscu [options] peer port\n"),
    ("echoscu", "", "peer, port are missing: dulcet echoscu [options] peer port\n"),
    ("echoscu", "h 1 extra", "extra"),
    ("storescu", "h 1", "file"),
    ("storescp", "", "port"),
    ("storescp", "65536", "from 0 to 65535"),
    ("storescp", "1 --durability maybe", "durable, crash-safe"),
    ("storescp", "1 --max-associations 0", "--max-associations"),
    ("echoscu", "h 1 -aet", "takes TITLE"),
    ("echoscu", "-aet -v h 1", "write --aetitle=-v"),
    ("echoscu", "h 1 +tls key", "takes KEY and CERT"),
    ("echoscu", "h 1 +tls key -v", "-v is an option"),
    ("echoscu", "h 1 --json=yes", "takes no value"),
    ("echoscu", "h 1 -vd", "-vd: echoscu has no such option"),
    ("echoscu", "h 1 --call-aetitle X", "no such option"),
    ("echoscu", "h 1 --acse-timeot 5", "did you mean --acse-timeout"),
    ("echoscu", "h 1 --verb", "no such option"),
    ("echoscu", "h 1 -xcr x", "-xcr: echoscu has no such option"),
    ("echoscu", "h 1 -to=5", "no such option"),
    ("echoscu", "h 1 -pwd secret", "only together with -usr/--user"),
    ("echoscu", "h 1 -usr me --jwt token", "does not go with"),
    ("echoscu", "+vc a.pem +rc b.pem", "does not go with"),
    ("echoscu", "h 1 +cf ca.pem", "or +vc/--verify-cert"),
    ("echoscu", "h 1 +pw secret", "only together with +tls/--enable-tls or +tla/--anonymous-tls"),
    ("storescp", "1 +cf ca.pem", "only together with +tls/--enable-tls\n"),
    ("echoscu", "h 1 -rsp", "-usr/--user or -kt/--kerberos or --saml or --jwt"),
    ("storescp", "1 +te +B", "+B/--bit-preserving: does not go with +te/--write-xfer-little"),
    ("storescp", "1 +u", "as they are"),
    ("findscu", "h 1 +dc", "as they came"),
    ("movescu", "h 1 -pi", "always passed over"),
    ("movescu", "h 1 +cl 9", "nothing is compressed"),
    ("getscu", "h 1 -W -k x", "-W: getscu has no such option"),
    ("findscu", "h 1 -k", "takes KEY"),
    ("findscu", "h 1 --cancel 0", "1 or more"),
    ("movescu", "h 1 +P 65536", "from 0 to 65535"),
    ("movescu", "h 1 -aem TITLE_OF_17_CHARS", "1 to 16 characters"),
    ("storescp", "1 +cl 9", "nothing is compressed"),
    ("storescp", "1 -uc", "UN is stored as it came"),
    ("storescp", "1 -su a -sp", "-sp/--sort-on-patientname: does not go with -su/--sort-on-study-uid"),
    ("storescp", "1 -xcs run", "-xcs/--exec-on-eostudy: works only together with"),
    ("storescp", "1 -tos 5", "-xcs/--exec-on-eostudy"),
    ("storescp", "1 -rns", "let -xcs run a program"),
    ("dcmsend", "h 1 f --jobs 0", "from 1 to 64"),
    ("dcmsend", "h 1 f --retry-jitter 2", "from 0 to 1"),
    ("dcmsend", "h 1 f --retry-jitter x", "not a number"),
    ("dcmsend", "h 1", "file"),
    ("dcmrecv", "", "port"),
    ("storescu", "h 1 f +IR 0", "1 or more"),
    ("storescu", "h 1 f -xf file profile -xs", "does not go with -xs/--propose-lossless"),
    ("storescu", "h 1 f +r", "+sd/--scan-directories"),
    ("storescp", "1 -xf file profile -pm", "does not go with"),
    ("storescp", "1 -xs", "-xcr/--exec-on-reception"),
    ("storescp", "1 -lc file", "does not have this option of DCMTK's: use -ll"),
    ("storescp", "1 --inetd", "does not have this option"),
    ("storescp", "1 --allow-address 10.0.0.1/8", "'10.0.0.1/8' is no network; give one as 10.0.0.0/8"),
    ("dcmrecv", "1 --proxy-network loadbalancer", "is no network"),
    ("storescp", "1 +ac", "use --allow-address"),
    ("echoscu", "@/nowhere/at/all h 1", "@/nowhere/at/all: cannot take words from this file: No such file"),
    ("echoscu", "h 1 -pdu 100", "give a whole number from 4096 to 16777216, or 0 for no limit"),
    ("echoscu", "h 1 -td -5", "give seconds, more than 0, or 0 for no limit"),
    ("echoscu", "h 1 -ts five", "is not a number of seconds; give one more than 0, or 0 for no limit"),
]


@pytest.mark.parametrize(("tool", "words", "said"), REFUSED)
def test_what_makes_no_sense_ends_with_2_and_a_sentence(
    tool: str, words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parse(tool, words.split())
    out, err = capsys.readouterr()
    assert end.value.code == 2
    assert said in err
    assert err.startswith(f"dulcet {tool}: ")
    assert err.endswith(f"Try: dulcet {tool} --help\n")
    assert not out


def test_words_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "words"
    file.write_text("-aec 'MY PACS'\n-v   \"-to\" 5\nhost 104\n@nested")
    args = parse("storescu", [f"@{file}", "x.dcm"])
    assert (args.call, args.log_level, args.timeout, args.peer, args.port) == (
        "MY PACS",
        "info",
        5.0,
        "host",
        104,
    )
    assert args.files == ["@nested", "x.dcm"]


def test_a_file_with_an_open_quote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "words"
    file.write_text("-aec 'MY")
    with pytest.raises(SystemExit):
        parse("echoscu", [f"@{file}"])
    assert "No closing quotation" in capsys.readouterr().err


def test_arguments_are_shown_without_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "words"
    file.write_text("-usr me -pwd hunter2 +tls k c +pw hunter2")
    parse("echoscu", ["--arguments", f"@{file}", "MY PEER", "104"])
    err = capsys.readouterr().err
    assert "hunter2" not in err
    assert err.startswith("dulcet echoscu --arguments --user=me")
    assert "'MY PEER' 104" in err


@pytest.mark.parametrize("tool", TOOLS)
def test_help_names_every_option(tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(tool, ["-aet", "A_TITLE_MUCH_TOO_LONG", "-h"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    for heading, group in rows(tool):
        assert f"\n{heading}:\n" in text
        for row in group:
            for word in [*row.flags, *row.metavars]:
                assert word in text
    for argument in TOOLS[tool].arguments:
        assert argument.metavar in text
    assert text.count("dulcet " + tool) == 1 + len(TOOLS[tool].examples)
    assert 2 <= len(TOOLS[tool].examples) <= 3


@pytest.mark.parametrize("tool", TOOLS)
def test_examples_can_be_parsed(tool: str) -> None:
    import shlex

    for _, line in TOOLS[tool].examples:
        name, *words = shlex.split(line)
        assert name == tool
        parse(tool, words)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_help_fits_the_terminal(width: int) -> None:
    lines = help_text("echoscu", width).splitlines()
    wrapped = [line for line in lines if line.startswith("  ")]
    assert max(map(len, wrapped)) <= max(min(width, 110), 72)


def test_long_spellings_have_a_line_of_their_own() -> None:
    assert list(_entry("x" * 40, "words", 80)) == ["  " + "x" * 40, " " * 38 + "words"]


def test_version_tells_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert "no uvloop" in version_text().splitlines()


def test_help_tells_defaults() -> None:
    text = help_text("storescp", 110)
    assert "our own AE title (default: STORESCP)" in text
    assert "end programs after this long (default: 60)" in text
    assert "SOP Instance UID (default)" in text
    assert "Explicit VR Little Endian first (default)" not in text
    assert text.count("(default)") == 9


@pytest.mark.parametrize("tool", TOOLS)
def test_version(tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(tool, ["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("dulcet ")


@pytest.mark.parametrize("words", ["+ph", "--list-profiles", "+cc", "--list-ciphers"])
@pytest.mark.parametrize("tool", TOOLS)
def test_lists_need_no_peer(tool: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(tool, words.split())
    assert end.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) >= 8


@pytest.mark.parametrize("tool", TOOLS)
def test_the_table_is_sound(tool: str) -> None:
    seen: set[str] = set()
    attributes = defaults(tool).keys() | {"help", "version"}
    somewhere = {name for each in LETTER_OF_TOOL for name in defaults(each)}
    for _, group in rows(tool):
        for row in group:
            assert row.mark in "MSRO"
            assert set(row.tools) <= set(LETTER_OF_TOOL.values())
            assert row.help
            assert row.flags[-1].startswith("--")
            assert not seen & set(row.flags)
            assert not set(row.needs.split()) - somewhere
            assert not row.needs or set(row.needs.split()) & attributes
            assert row.implies is None or row.implies[0] in attributes
            seen |= set(row.flags)
    assert not seen & {flag for spelled in NOT_OFFERED for flag in spelled.split()}


@pytest.mark.parametrize("tool", TOOLS)
def test_argparse_alone_reads_the_short_spellings_too(tool: str) -> None:
    """Completion and other makers of things rely on the parser, not on `parse`."""
    parser = build_parser(tool)
    assert parser.parse_args(["-aet", "X", *ARGUMENTS[tool]]).aetitle == "X"
    if tool == "storescu":
        assert parser.parse_args(["-x=", *ARGUMENTS[tool]]).propose == UNCOMPRESSED


def test_transfer_syntaxes() -> None:
    assert len(set(transfer_syntaxes.ACCEPT_ALL)) == len(transfer_syntaxes.ACCEPT_ALL) == 39
    assert transfer_syntaxes.PROPOSABLE[:3] == (IMPLICIT, EXPLICIT, BIG)
    assert len(set(transfer_syntaxes.PROPOSABLE)) == len(transfer_syntaxes.PROPOSABLE) >= 53
    assert set(parse("storescp", ["+xa", "1"]).prefer) == set(transfer_syntaxes.ACCEPT_ALL)


@pytest.mark.parametrize(
    ("read", "word", "value"),
    [
        (values.seconds, "0.25", 0.25),
        (values.seconds_or_none, "0", None),
        (values.pause, "0", 0.0),
        (values.pause, "1.5", 1.5),
        (values.socket_seconds, "0", None),
        (values.socket_seconds, "-1", None),
        (values.socket_seconds, "60", 60.0),
        (values.ae_title, "  PACS ", "PACS"),
        (values.ae_title, "MY PACS", "MY PACS"),
        (values.pdu_length, "0", 0),
    ],
)
def test_values(read: Callable[[str], object], word: str, value: object) -> None:
    assert read(word) == value


@pytest.mark.parametrize("word", ["", "    ", "A\tB", "A\nB"])
def test_no_ae_titles(word: str) -> None:
    with pytest.raises(ValueError, match="is no AE title"):
        values.ae_title(word)


@pytest.mark.parametrize("word", ["-1", "inf", "nan", "0.0", "1e10"])
def test_no_lengths_of_time(word: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        values.seconds(word)
