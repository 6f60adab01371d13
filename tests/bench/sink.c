/* Accepts every association and answers every C-ECHO and C-STORE with success: the limit a client can meet.

   usage: sink PORT [MAXIMUM-LENGTH]     on 127.0.0.1

   A thread a connection. Of a data set nothing is kept but whether it has ended. */
#include "wire.h"

static long maximum_length = 131072;

static size_t associate_ac(uint8_t *p, const uint8_t *body, uint32_t length) {
    uint8_t *at = p + 6;
    memcpy(at, body, 68);
    at += 68;
    for (const uint8_t *item = body + 68; item + 4 <= body + length; item += 4 + get16(item + 2)) {
        const uint8_t *end = item + 4 + get16(item + 2), *sub = item + 8;
        if (item[0] == 0x10) at += put_item(at, 0x10, item + 4, get16(item + 2));
        if (item[0] != 0x20) continue;
        while (sub < end && sub[0] != 0x40) sub += 4 + get16(sub + 2);
        uint8_t context[128] = {item[4]}; /* the first transfer syntax of each context is taken */
        size_t size = put_item(context + 4, 0x40, sub + 4, get16(sub + 2) & 63);
        at += put_item(at, 0x21, context, 4 + size);
    }
    at += put_user_information(at, maximum_length);
    put_pdu_header(p, ASSOCIATE_AC, at - p - 6);
    return at - p;
}

/* What a response repeats of its request. */
typedef struct { uint16_t field, id, data_set; char class_uid[66], instance_uid[66]; } Request;

static Request read_command(const uint8_t *command, size_t length) {
    Request request = {0};
    for (const uint8_t *element = command, *end = command + length; element + 8 <= end;) {
        uint32_t size = get32le(element + 4);
        const uint8_t *value = element + 8;
        switch (get16le(element + 2)) {
        case 0x0002: memcpy(request.class_uid, value, size < 65 ? size : 64); break;
        case 0x0100: request.field = get16le(value); break;
        case 0x0110: request.id = get16le(value); break;
        case 0x0800: request.data_set = get16le(value); break;
        case 0x1000: memcpy(request.instance_uid, value, size < 65 ? size : 64); break;
        }
        element = value + size;
    }
    return request;
}

static int respond(int fd, const Request *request, uint8_t context) {
    uint8_t response[512], *at = response + 24;
    at += put_ui(at, 0x0002, request->class_uid);
    at += put_us(at, 0x0100, request->field | RESPONSE);
    at += put_us(at, 0x0120, request->id);
    at += put_us(at, 0x0800, NO_DATA_SET);
    at += put_us(at, 0x0900, 0);
    if (*request->instance_uid) at += put_ui(at, 0x1000, request->instance_uid);
    size_t size = finish_command(response + 12, at - response - 24);
    return write_bytes(fd, response, size + put_pdv_header(response, size, context, 3));
}

/* The PDVs of one P-DATA-TF. Our peers send a command in one fragment; who does not is hung up on. */
static int take(int fd, Request *request, const uint8_t *body, uint32_t length) {
    for (const uint8_t *pdv = body; pdv + 6 <= body + length; pdv += 4 + get32(pdv)) {
        uint8_t control = pdv[5];
        if (control == 1) return -1;
        if (control & 1) *request = read_command(pdv + 6, get32(pdv) - 2);
        int complete = control & 1 ? request->data_set == NO_DATA_SET : control & 2;
        if (complete && respond(fd, request, pdv[4])) return -1;
    }
    return 0;
}

static void *serve(void *argument) {
    Wire wire;
    Request request = {0};
    uint8_t *pdu, answer[65536], released[10] = {RELEASE_RP, 0, 0, 0, 0, 4};
    uint32_t length;
    wire_open(&wire, (int)(intptr_t)argument);
    wire.buffer = realloc(wire.buffer, wire.size = 1 << 20);
    for (int failed = 0; !failed;) {
        switch (wire_pdu(&wire, &pdu, &length)) {
        case ASSOCIATE_RQ: failed = length < 68 || write_bytes(wire.fd, answer, associate_ac(answer, pdu + 6, length)); break;
        case P_DATA_TF: failed = take(wire.fd, &request, pdu + 6, length); break;
        case RELEASE_RQ: failed = write_bytes(wire.fd, released, 10); break;
        default: failed = 1;
        }
    }
    wire_close(&wire);
    return NULL;
}

int main(int count, char **words) {
    if (count < 2) return fprintf(stderr, "usage: sink PORT [MAXIMUM-LENGTH]\n"), 2;
    if (count > 2) maximum_length = atol(words[2]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listening = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listening, (void *)&address, sizeof address) || listen(listening, 512)) return perror("sink"), 1;
    allow_descriptors();
    for (;;) {
        pthread_t thread;
        int fd = accept(listening, NULL, NULL);
        if (fd < 0 || pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd)) return perror("sink"), 1;
        pthread_detach(thread);
    }
}
