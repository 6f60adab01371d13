/* Drives an SCP as hard as C can, and counts.

   usage: load MODE PORT [NAME=NUMBER ...]     against 127.0.0.1
     echo | store | find | hold
     clients=1     at once, a thread and an association each
     seconds=1     for how long new messages (new associations, where `messages` is given) are begun
     messages=0    a client associates, sends so many, releases, and begins again; 0: all on one association
     associations=0  a client ends after so many, whatever `seconds` says
     bytes=524288  of pixel data in each object
     pdu=131072    longest P-DATA-TF sent, by its PDU-length, where the peer takes that much; also the one announced
     contexts=1    presentation contexts proposed, all alike

   store: every object has a UID of its own. find: one C-FIND after another for all images; what is counted are
   pending responses. hold: `clients` associations, one after another, stay open and idle; then one more is made and
   echoes, and all end when stdin does.

   Prints a JSON object: what was done, in how many seconds, how much by each client. */
#include "wire.h"

static long clients = 1, messages, associations, bytes = 524288, pdu = 131072, contexts = 1, port;
static double seconds = 1, stop_at;
static uint16_t field;
static uint8_t zeros[1 << 20];

typedef struct { long associations, messages, failed; double last; uint32_t room; int number; Wire wire; } Client;

static const char *abstract_syntax(void) { return field == C_STORE ? CT : field == C_FIND ? STUDY_ROOT_FIND : VERIFICATION; }

static size_t associate_rq(uint8_t *p) {
    uint8_t *at = p + 6;
    memset(at, 0, 68);
    put16(at, 1);
    memset(at + 4, ' ', 32);
    memcpy(at + 4, "ANY-SCP", 7);
    memcpy(at + 20, "LOAD", 4);
    at += 68;
    at += put_text(at, 0x10, "1.2.840.10008.3.1.1.1");
    for (long i = 0; i < contexts; i++) {
        uint8_t context[256] = {2 * i + 1}, *sub = context + 4;
        sub += put_text(sub, 0x30, abstract_syntax());
        sub += put_text(sub, 0x40, field == C_STORE ? EXPLICIT : IMPLICIT);
        at += put_item(at, 0x20, context, sub - context);
    }
    at += put_user_information(at, pdu);
    put_pdu_header(p, ASSOCIATE_RQ, at - p - 6);
    return at - p;
}

static int associate(Client *client) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint8_t request[32768], *answer;
    uint32_t length;
    int fd = wire_open(&client->wire, socket(AF_INET, SOCK_STREAM, 0));
    if (connect(fd, (void *)&address, sizeof address)) return -1;
    if (write_bytes(fd, request, associate_rq(request))) return -1;
    if (wire_pdu(&client->wire, &answer, &length) != ASSOCIATE_AC || length < 68) return -1;
    client->room = pdu;
    for (uint8_t *item = answer + 74; item + 4 <= answer + 6 + length; item += 4 + get16(item + 2)) {
        if (item[0] == 0x21 && item[6]) return -1; /* a context was refused */
        if (item[0] == 0x50 && item[4] == 0x51) {
            uint32_t theirs = get32(item + 8);
            if (theirs && theirs < client->room) client->room = theirs;
        }
    }
    return 0;
}

static int release(Client *client) {
    uint8_t request[10] = {RELEASE_RQ, 0, 0, 0, 0, 4}, *answer;
    uint32_t length;
    return write_bytes(client->wire.fd, request, 10) || wire_pdu(&client->wire, &answer, &length) != RELEASE_RP;
}

/* A data set in Explicit VR Little Endian as far as the header of its pixel data. */
static size_t put_explicit(uint8_t *p, uint16_t group, uint16_t number, const char *uid) {
    size_t length = (strlen(uid) + 1) & ~1u;
    uint8_t header[8] = {group, group >> 8, number, number >> 8, 'U', 'I', length, length >> 8};
    memcpy(p, header, 8);
    memset(p + 8, 0, length);
    memcpy(p + 8, uid, strlen(uid));
    return 8 + length;
}
static size_t object_head(uint8_t *p, const char *uid) {
    uint8_t *at = p, pixels[12] = {0xE0, 0x7F, 0x10, 0, 'O', 'W', 0, 0, bytes, bytes >> 8, bytes >> 16, bytes >> 24};
    at += put_explicit(at, 0x0008, 0x0016, CT);
    at += put_explicit(at, 0x0008, 0x0018, uid);
    at += put_explicit(at, 0x0020, 0x000D, "1.2.826.0.1.3680043.9.7433.1.2");
    at += put_explicit(at, 0x0020, 0x000E, "1.2.826.0.1.3680043.9.7433.1.3");
    memcpy(at, pixels, 12);
    return at + 12 - p;
}

/* A C-FIND identifier in Implicit VR Little Endian: all images of the one series there is. */
static size_t put_implicit(uint8_t *p, uint16_t group, uint16_t number, const char *text) {
    size_t length = put_element(p, number, text, strlen(text));
    p[0] = group, p[1] = group >> 8;
    return length;
}
static size_t identifier(uint8_t *p) {
    uint8_t *at = p;
    at += put_implicit(at, 0x0008, 0x0018, "");
    at += put_implicit(at, 0x0008, 0x0052, "IMAGE ");
    at += put_implicit(at, 0x0020, 0x000D, "1.2.826.0.1.3680043.9.7433.2");
    at += put_implicit(at, 0x0020, 0x000E, "1.2.826.0.1.3680043.9.7433.3");
    at += put_implicit(at, 0x0020, 0x0013, "");
    return at - p;
}

static size_t command(uint8_t *p, uint16_t id, const char *uid) {
    uint8_t *at = p + 12;
    at += put_ui(at, 0x0002, abstract_syntax());
    at += put_us(at, 0x0100, field);
    at += put_us(at, 0x0110, id);
    if (field != C_ECHO) at += put_us(at, 0x0700, 0);
    at += put_us(at, 0x0800, field == C_ECHO ? NO_DATA_SET : 1);
    if (field == C_STORE) at += put_ui(at, 0x1000, uid);
    return finish_command(p, at - p - 12);
}

/* A data set, head first and then zeros, in fragments behind what stands in `lead`; 16 PDUs a system call. */
static int send_data_set(Client *client, uint8_t *lead, size_t lead_length, uint8_t *head, size_t head_length, size_t zeros_left) {
    struct iovec parts[80];
    uint8_t headers[16][12];
    parts[0] = (struct iovec){lead, lead_length};
    for (int count = 1, fragments = 0; head_length || zeros_left || count; count = fragments = 0) {
        while (fragments < 16 && (head_length || zeros_left)) {
            size_t room = (client->room - 6) & ~1u, size = head_length + zeros_left < room ? head_length + zeros_left : room;
            int last = size == head_length + zeros_left;
            parts[count++] = (struct iovec){headers[fragments], put_pdv_header(headers[fragments], size, 1, last ? 2 : 0)};
            fragments++;
            size_t some = size < head_length ? size : head_length;
            if (some) parts[count++] = (struct iovec){head, some};
            head += some, head_length -= some, size -= some;
            if (size) parts[count++] = (struct iovec){zeros, size};
            zeros_left -= size;
        }
        if (write_all(client->wire.fd, parts, count)) return -1;
        if (!head_length && !zeros_left) return 0;
    }
    return 0;
}

/* Whether a P-DATA-TF holds a command with the status wanted; -1 where it holds none. */
static int status_of(const uint8_t *pdu, uint32_t length) {
    if (length < 6 || !(pdu[11] & 1)) return -1;
    for (const uint8_t *element = pdu + 12; element + 10 <= pdu + 6 + length; element += 8 + get32le(element + 4))
        if (get16le(element + 2) == 0x0900) return get16le(element + 8);
    return -1;
}

static int converse(Client *client, long sent) {
    uint8_t request[2048], head[512], *answer;
    uint32_t length;
    char uid[65];
    snprintf(uid, sizeof uid, "1.2.826.0.1.3680043.9.7433.1.%d.%d.%ld", (int)getpid(), client->number, client->messages + 1);
    size_t size = command(request + 12, (sent & 0x7FFF) + 1, uid);
    size += put_pdv_header(request, size, 1, 3);
    if (field == C_STORE) {
        if (send_data_set(client, request, size, head, object_head(head, uid), bytes)) return -1;
    } else if (field == C_FIND) {
        if (send_data_set(client, request, size, head, identifier(head), 0)) return -1;
    } else if (write_bytes(client->wire.fd, request, size)) return -1;
    for (;;) {
        if (wire_pdu(&client->wire, &answer, &length) != P_DATA_TF) return -1;
        int status = status_of(answer, length);
        if (status == 0) break;
        if (status > 0 && (field != C_FIND || (status != 0xFF00 && status != 0xFF01))) return -1;
        client->messages += status > 0;
    }
    client->messages += field != C_FIND;
    client->last = now();
    return 0;
}

static int one_association(Client *client) {
    int failed = associate(client);
    for (long sent = 0; !failed && (messages ? sent < messages : now() < stop_at); sent++) failed = converse(client, sent);
    failed = failed || release(client);
    wire_close(&client->wire);
    client->associations += !failed;
    client->failed += failed;
    client->last = now();
    return failed;
}

static void *run(void *argument) {
    Client *client = argument;
    do {
        if (one_association(client)) break;
    } while (associations ? client->associations < associations : messages && now() < stop_at);
    return NULL;
}

static void report(Client *all, double begun, const char *more) { /* `more`: further members */
    long done = 0, made = 0, failed = 0;
    double last = begun;
    for (long i = 0; i < clients; i++) {
        done += all[i].messages, made += all[i].associations, failed += all[i].failed;
        if (all[i].last > last) last = all[i].last;
    }
    printf("{\"seconds\": %.6f, \"associations\": %ld, \"messages\": %ld, \"failed\": %ld%s, \"each\": [", last - begun, made, done, failed, more);
    for (long i = 0; i < clients && done; i++) printf("%s%ld", i ? ", " : "", all[i].messages);
    printf("]}\n");
    fflush(stdout);
}

static void hold(Client *all) {
    Client another = {.number = -1};
    char more[200];
    double begun = now();
    for (long i = 0; i < clients; i++) {
        all[i].failed = associate(&all[i]);
        all[i].associations = !all[i].failed;
        all[i].last = now();
    }
    double first = now();
    int failed = associate(&another);
    double second = now();
    failed = failed || converse(&another, 0);
    snprintf(more, sizeof more, ", \"associate_ms\": %.3f, \"echo_ms\": %.3f, \"echo_failed\": %d", (second - first) * 1e3, (now() - second) * 1e3, failed);
    report(all, begun, more);
    while (getchar() != EOF) continue;
}

int main(int count, char **words) {
    struct { const char *name; long *number; } settings[] = {{"clients", &clients}, {"messages", &messages}, {"bytes", &bytes}, {"pdu", &pdu}, {"contexts", &contexts}, {"associations", &associations}};
    if (count < 3) return fprintf(stderr, "usage: load echo|store|find|hold PORT [NAME=NUMBER ...]\n"), 2;
    field = !strcmp(words[1], "store") ? C_STORE : !strcmp(words[1], "find") ? C_FIND : C_ECHO;
    port = atol(words[2]);
    for (int i = 3; i < count; i++) {
        char *value = strchr(words[i], '=');
        if (!value) return fprintf(stderr, "load: %s is no NAME=NUMBER\n", words[i]), 2;
        *value++ = 0;
        if (!strcmp(words[i], "seconds")) seconds = atof(value);
        for (size_t j = 0; j < sizeof settings / sizeof *settings; j++)
            if (!strcmp(words[i], settings[j].name)) *settings[j].number = atol(value);
    }
    if (contexts > 128 || pdu > (long)sizeof zeros + 6) return fprintf(stderr, "load: at most 128 contexts, 1 MiB PDUs\n"), 2;
    allow_descriptors();
    Client *all = calloc(clients, sizeof *all);
    pthread_t *threads = calloc(clients, sizeof *threads);
    for (long i = 0; i < clients; i++) all[i].number = i;
    if (!strcmp(words[1], "hold")) return hold(all), 0;
    double begun = now();
    stop_at = begun + seconds;
    for (long i = 0; i < clients; i++) pthread_create(&threads[i], NULL, run, &all[i]);
    for (long i = 0; i < clients; i++) pthread_join(threads[i], NULL);
    report(all, begun, "");
    return 0;
}
