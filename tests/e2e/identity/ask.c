/* A local program in C, as users of libberth-identity write them: it becomes another user, asks, and says what came of it.
 *
 *   ask SOCKET UID list|device|trust|certificate NAME|sign NAME MESSAGE|decapsulate NAME HEX
 *
 * Exit code: the call's status. On standard output what was given (octets in hexadecimal), else the error's name. */
#define _GNU_SOURCE
#include "libberth-identity/berth_identity.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int become(uid_t uid) {
    if (uid == getuid()) {
        return 0;
    }
    return setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0;
}

static void print_hex(const uint8_t *octets, size_t size) {
    for (size_t i = 0; i < size; ++i) {
        printf("%02x", octets[i]);
    }
    printf("\n");
}

static size_t from_hex(const char *text, uint8_t *out, size_t most) {
    size_t size = 0;
    unsigned octet = 0;
    for (; size < most && sscanf(text + 2 * size, "%2x", &octet) == 1; ++size) {
        out[size] = (uint8_t)octet;
    }
    return size;
}

int main(int argc, char **argv) {
    static uint8_t enc[8192];
    char *text = NULL;
    uint8_t *octets = NULL;
    size_t size = 0;
    int status = 99;
    if (argc < 4 || become((uid_t)strtoul(argv[2], NULL, 10)) != 0) {
        return 98;
    }
    berth_identity *identity = berth_identity_new(argv[1]);
    if (identity == NULL) {
        return 97;
    }
    if (strcmp(argv[3], "list") == 0) {
        status = berth_identity_list(identity, &text);
    } else if (strcmp(argv[3], "device") == 0) {
        status = berth_identity_device(identity, &text);
    } else if (strcmp(argv[3], "trust") == 0) {
        status = berth_identity_trust(identity, &text);
    } else if (strcmp(argv[3], "certificate") == 0 && argc == 5) {
        status = berth_identity_certificate(identity, argv[4], &text);
    } else if (strcmp(argv[3], "sign") == 0 && argc == 6) {
        status = berth_identity_sign(identity, argv[4], (const uint8_t *)argv[5], strlen(argv[5]), &octets, &size);
    } else if (strcmp(argv[3], "decapsulate") == 0 && argc == 6) {
        status = berth_identity_decapsulate(identity, argv[4], enc, from_hex(argv[5], enc, sizeof enc), &octets, &size);
    } else if (strcmp(argv[3], "null") == 0) {
        status = berth_identity_sign(identity, NULL, NULL, 1, NULL, NULL);
    }
    if (status != BERTH_IDENTITY_OK) {
        printf("%s\n", berth_identity_error_name(identity));
        fprintf(stderr, "%s\n", berth_identity_error_message(identity));
    } else if (text != NULL) {
        printf("%s\n", text);
    } else {
        print_hex(octets, size);
    }
    berth_identity_free_text(text);
    berth_identity_free_octets(octets, size);
    berth_identity_free(identity);
    return status;
}
