"""The options of DCMTK's nine network tools (3.6.7 to 3.7.0), typed by hand, each with a mark: how much it is missed.

M: what their users cannot do without, S: what they should find, R: rare or legacy. Nothing here is read from the option
table, so the table can be held against it. The letters are the tools': E echoscu, F findscu, G getscu, M movescu,
U storescu, S dcmsend, P storescp, R dcmrecv, T termscu.
"""

LETTERS = {
    "echoscu": "E",
    "findscu": "F",
    "getscu": "G",
    "movescu": "M",
    "storescu": "U",
    "dcmsend": "S",
    "storescp": "P",
    "dcmrecv": "R",
    "termscu": "T",
}

_GENERAL = """
M EFGMUSPRT -h --help
M EFGMUSPRT --version
S EFGMUSPRT --arguments
M EFGMUSPRT -q --quiet
M EFGMUSPRT -v --verbose
M EFGMUSPRT -d --debug
M EFGMUSPRT -ll --log-level
S EFGMUSPRT -lc --log-config
S GUSPR +v --verbose-pc
M EFGMUSPRT -i4 --ipv4
S EFGMUSPRT -i6 --ipv6
S EFGMUSPRT -i0 --ip-auto
"""

_NETWORK = """
M EFGMUSPRT -aet --aetitle
M EFGMUST -aec --call
M EFGMUS -to --timeout
S EFUP -ts --socket-timeout
M EFGMUSPR -ta --acse-timeout
M EFGMUSPR -td --dimse-timeout
M EFGMUSPRT -pdu --max-pdu
S US --max-send-pdu
S EFGMU --repeat
S EFGMU --abort
M FM --cancel
S MPR -dhl --disable-host-lookup
R MUP -up --uid-padding
M UPR -xf --config-file
R FMUSP +cl --compression-level
S GMPR --ignore
M FGMPR -od --output-directory
"""

_PROPOSED = """
M FGMU -x= --propose-uncompr
M FGMU -xe --propose-little
R FGMU -xb --propose-big
M FGMU -xi --propose-implicit
S FGMU -xd --propose-deflated
M U -xs --propose-lossless
M U -xy --propose-jpeg8
M U -xx --propose-jpeg12
M U -xv --propose-j2k-lossless
M U -xw --propose-j2k-lossy
S U -xt --propose-jls-lossless
S U -xu --propose-jls-lossy
S U -xm --propose-mpeg2
S U -xh --propose-mpeg2-high
S U -xn --propose-mpeg4
S U -xl --propose-mpeg4-bd
S U -x2 --propose-mpeg4-2-2d
S U -x3 --propose-mpeg4-2-3d
S U -xo --propose-mpeg4-2-st
S U -x4 --propose-hevc
S U -x5 --propose-hevc10
M U -xr --propose-rle
"""

_PREFERRED = """
M GMP +x= --prefer-uncompr
M GMP +xe --prefer-little
R GMP +xb --prefer-big
M GMP +xi --implicit
S GMP +xd --prefer-deflated
M GMP +xs --prefer-lossless
M GMP +xy --prefer-jpeg8
M GMP +xx --prefer-jpeg12
M GMP +xv --prefer-j2k-lossless
M GMP +xw --prefer-j2k-lossy
S GMP +xt --prefer-jls-lossless
S GMP +xu --prefer-jls-lossy
S GMP +xm --prefer-mpeg2
S GMP +xh --prefer-mpeg2-high
S GMP +xn --prefer-mpeg4
S GMP +xl --prefer-mpeg4-bd
S GMP +x2 --prefer-mpeg4-2-2d
S GMP +x3 --prefer-mpeg4-2-3d
S GMP +xo --prefer-mpeg4-2-st
S GMP +x4 --prefer-hevc
S GMP +x5 --prefer-hevc10
M GMP +xr --prefer-rle
M MP +xa --accept-all
"""

_TLS = """
M EFGMUPR -tls --disable-tls
M EFGMUPR +tls --enable-tls
S EFGMU +tla --anonymous-tls
S EFGMUPR +ps --std-passwd
S EFGMUPR +pw --use-passwd
S EFGMUPR -pw --null-passwd
M EFGMUPR -pem --pem-keys
R EFGMUPR -der --der-keys
M EFGMUPR +cf --add-cert-file
S EFGMUPR +cd --add-cert-dir
S EFGMUPR +crl --add-crl-file
S EFGMUPR +crv --enable-crl-vfy
S EFGMUPR +cra --enable-crl-all
S EFGMUPR +ph --list-profiles
S EFGMUPR +cc --list-ciphers
M EFGMUPR +pg --profile-8996
S EFGMUPR +pm --profile-8996-mod
S EFGMUPR +py --profile-bcp195-nd
R EFGMUPR +px --profile-bcp195
R EFGMUPR +pz --profile-bcp195-ex
R EFGMUPR +pb --profile-basic
R EFGMUPR +pa --profile-aes
R EFGMUPR +pn --profile-null
S EFGMUPR +cs --cipher
R PR +dp --dhparam
S EFGMU --no-sni
S EFGMU --request-sni
S PR --expect-sni
R EFGMUPR +rs --seed
R EFGMUPR +ws --write-seed
R EFGMUPR +wf --write-seed-file
M EFGMUPR -rc --require-peer-cert
M PR -vc --verify-peer-cert
M EFGMUPR -ic --ignore-peer-cert
S E +vc --verify-cert
S E +rc --is-root-cert
"""

_WRITTEN = """
M GMPR -B --normal
M GMPR +B --bit-preserving
S MP +F --write-file
S MP -F --write-dataset
S MP +t= --write-xfer-same
S MP +te --write-xfer-little
R MP +tb --write-xfer-big
S MP +ti --write-xfer-implicit
S MP +td --write-xfer-deflated
R FMUP +u --enable-new-vr
R FMUP -u --disable-new-vr
R MP +g= --group-length-recalc
R MP +g --group-length-create
R MP -g --group-length-remove
R MP +e --length-explicit
R MP -e --length-undefined
R MP -p --padding-off
R MP +p --padding-create
R P -uc --retain-un
R P +uc --convert-un
"""

_QUERIES = """
R E -pts --propose-ts
R E -ppc --propose-pc
M FGM -k --key
M F -W --worklist
M FGM -P --patient
M FGM -S --study
R FGM -O --psonly
R F +dc --enable-correction
R F -dc --disable-correction
S F +sr --show-responses
S F -sr --hide-responses
M F -X --extract
S F -Xx --extract-xml
S F -Xs --extract-xml-single
S F -Xlo --limit-output
M M -aem --move
M M --no-port
M M +P --port
R M -pi --pending-ignore
R M -pr --pending-read
R MP -ac --access-full
R MP +ac --access-control
"""

_SENDING = """
M US +f --read-file
M US +fo --read-file-only
M US -f --read-dataset
M US +sd --scan-directories
M US +sp --scan-pattern
M US -r --no-recurse
M US +r --recurse
R U -rn --no-rename
R U +rn --rename
M U -R --required
S U +C --combine
S U -usr --user
S U -pwd --password
S U -epw --empty-password
S U -kt --kerberos
S U --saml
S U --jwt
S U -rsp --pos-response
M US -nh --no-halt
S U +II --invent-instance
S U +IR --invent-series
S U +IS --invent-study
S U +IP --invent-patient
S S --list-decoders
M S +rd --read-from-dicomdir
M S -dn --decompress-never
M S +dls --decompress-lossless
M S +dly --decompress-lossy
S S -nip --no-illegal-proposal
S S -nuc --no-uid-checks
M S +ma --multi-associations
M S -ma --single-association
S S +crf --create-report-file
"""

_RECEIVING = """
M P --single-process
M P --fork
S P --max-associations
R P -id --inetd
S P --refuse
R P --reject
S P --sleep-after
S P --sleep-during
S P --abort-after
S P --abort-during
M P -pm --promiscuous
S P -ss --sort-conc-studies
M P -su --sort-on-study-uid
S P -sp --sort-on-patientname
M P -uf --default-filenames
M P +uf --unique-filenames
S P -tn --timenames
M P -fe --filename-extension
M P -xcr --exec-on-reception
S P -xcs --exec-on-eostudy
R P -rns --rename-on-eostudy
S P -tos --eostudy-timeout
S P -xs --exec-sync
S R -uca --use-called-aetitle
S R -s --no-subdir
S R +ssd --series-date-subdir
M R +fd --default-filenames
M R +fu --unique-filenames
M R +fsu --short-unique-names
M R +fst --system-time-names
M R -fe --filename-extension
"""

_LINES = [
    line.split()
    for group in (_GENERAL, _NETWORK, _PROPOSED, _PREFERRED, _TLS, _WRITTEN, _QUERIES, _SENDING, _RECEIVING)
    for line in group.strip().splitlines()
]

LEFT_OUT = {"-lc --log-config"}
"""The one marked S that is not offered: a configuration file of log4cplus says nothing to a Python program."""


def options(tool: str, marks: str) -> dict[str, str]:
    """The options of a tool that have one of these marks: every spelling, the long one last, and its mark."""
    return {" ".join(spellings): mark for mark, tools, *spellings in _LINES if mark in marks and LETTERS[tool] in tools}
