/* Of DICOM's wire what load.c and sink.c need: sockets with a reader, items of A-ASSOCIATE, elements of commands. */
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { ASSOCIATE_RQ = 1, ASSOCIATE_AC = 2, P_DATA_TF = 4, RELEASE_RQ = 5, RELEASE_RP = 6 };
enum { C_STORE = 0x0001, C_FIND = 0x0020, C_ECHO = 0x0030, RESPONSE = 0x8000, NO_DATA_SET = 0x0101 };
#define PDU_LIMIT (16u << 20) /* the longest PDU taken, bytes */

static const char CT[] = "1.2.840.10008.5.1.4.1.1.2", VERIFICATION[] = "1.2.840.10008.1.1";
static const char STUDY_ROOT_FIND[] = "1.2.840.10008.5.1.4.1.2.2.1";
static const char IMPLICIT[] = "1.2.840.10008.1.2", EXPLICIT[] = "1.2.840.10008.1.2.1";
static const char CLASS_UID[] = "2.25.161803398874989484820458683436563811772";

static inline double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static inline uint32_t get32(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }
static inline uint16_t get16(const uint8_t *p) { return p[0] << 8 | p[1]; }
static inline uint32_t get32le(const uint8_t *p) { return (uint32_t)p[3] << 24 | p[2] << 16 | p[1] << 8 | p[0]; }
static inline uint16_t get16le(const uint8_t *p) { return p[1] << 8 | p[0]; }
static inline void put32(uint8_t *p, uint32_t v) { p[0] = v >> 24, p[1] = v >> 16, p[2] = v >> 8, p[3] = v; }
static inline void put16(uint8_t *p, uint16_t v) { p[0] = v >> 8, p[1] = v; }

/* Items of A-ASSOCIATE (PS3.8 9.3.2): type, reserved, length, value. */
static size_t put_item(uint8_t *p, uint8_t type, const void *value, size_t length) {
    p[0] = type, p[1] = 0;
    put16(p + 2, length);
    memmove(p + 4, value, length);
    return 4 + length;
}
static size_t put_text(uint8_t *p, uint8_t type, const char *text) { return put_item(p, type, text, strlen(text)); }

/* User information with what must be there: maximum length, implementation class UID. */
static size_t put_user_information(uint8_t *p, uint32_t maximum_length) {
    uint8_t maximum[4], *sub = p + 4;
    put32(maximum, maximum_length);
    sub += put_item(sub, 0x51, maximum, 4);
    sub += put_text(sub, 0x52, CLASS_UID);
    return put_item(p, 0x50, p + 4, sub - p - 4);
}

static size_t put_pdu_header(uint8_t *p, uint8_t type, uint32_t length) {
    p[0] = type, p[1] = 0;
    put32(p + 2, length);
    return 6;
}
static size_t put_pdv_header(uint8_t *p, size_t length, uint8_t context, uint8_t control) {
    put_pdu_header(p, P_DATA_TF, length + 6);
    put32(p + 6, length + 2);
    p[10] = context, p[11] = control;
    return 12;
}

/* Elements of a command set: Implicit VR Little Endian, group 0000 (PS3.7 6.3.1). */
static size_t put_element(uint8_t *p, uint16_t number, const void *value, uint32_t length) {
    uint8_t header[8] = {0, 0, number, number >> 8, length, length >> 8, length >> 16, length >> 24};
    memcpy(p, header, 8);
    memcpy(p + 8, value, length);
    return 8 + length;
}
static size_t put_us(uint8_t *p, uint16_t number, uint16_t value) {
    uint8_t raw[2] = {value, value >> 8};
    return put_element(p, number, raw, 2);
}
static size_t put_ui(uint8_t *p, uint16_t number, const char *uid) {
    char padded[66] = "";
    size_t length = strnlen(uid, 64);
    memcpy(padded, uid, length);
    return put_element(p, number, padded, (length + 1) & ~1u);
}
/* A command set whose other elements lie behind the 12 bytes kept for the group length. */
static size_t finish_command(uint8_t *p, size_t length) {
    uint8_t raw[4] = {length, length >> 8, length >> 16, length >> 24};
    return put_element(p, 0, raw, 4) + length;
}

/* A connection with what was read of it ahead. */
typedef struct { int fd; uint8_t *buffer; size_t size, at, end; } Wire;

static int wire_more(Wire *wire, size_t wanted) {
    if (wire->at + wanted > wire->size || wire->at == wire->end) {
        memmove(wire->buffer, wire->buffer + wire->at, wire->end - wire->at);
        wire->end -= wire->at, wire->at = 0;
        if (wanted > wire->size) wire->buffer = realloc(wire->buffer, wire->size = wanted);
    }
    while (wire->end - wire->at < wanted) {
        ssize_t got = recv(wire->fd, wire->buffer + wire->end, wire->size - wire->end, 0);
        if (got <= 0) return -1;
        wire->end += got;
    }
    return 0;
}
/* The next PDU: its type, or -1; header and body lie at *pdu until the next call. */
static int wire_pdu(Wire *wire, uint8_t **pdu, uint32_t *length) {
    if (wire_more(wire, 6)) return -1;
    *length = get32(wire->buffer + wire->at + 2);
    if (*length > PDU_LIMIT || wire_more(wire, 6 + *length)) return -1;
    *pdu = wire->buffer + wire->at;
    wire->at += 6 + *length;
    return **pdu;
}
static int wire_open(Wire *wire, int fd) {
    int one = 1;
    struct timeval patience = {60, 0};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    *wire = (Wire){.fd = fd, .buffer = malloc(4096), .size = 4096};
    return fd;
}
static void wire_close(Wire *wire) {
    close(wire->fd);
    free(wire->buffer);
}
static int write_all(int fd, struct iovec *parts, int count) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    while (message.msg_iovlen) {
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent <= 0) return -1;
        while (message.msg_iovlen && (size_t)sent >= message.msg_iov->iov_len) {
            sent -= message.msg_iov->iov_len;
            message.msg_iov++, message.msg_iovlen--;
        }
        if (message.msg_iovlen) {
            message.msg_iov->iov_base = (uint8_t *)message.msg_iov->iov_base + sent;
            message.msg_iov->iov_len -= sent;
        }
    }
    return 0;
}
static int write_bytes(int fd, const void *bytes, size_t count) {
    struct iovec part = {(void *)bytes, count};
    return write_all(fd, &part, 1);
}
static void allow_descriptors(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}
