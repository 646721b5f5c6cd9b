// Kinds of fields that the chip's commands have and the TLS presentation language has not.
#pragma once

#include "base/secret.h"
#include "wire/codec.h"

namespace berth::keystore::stsafe {

// Everything up to the end of the frame; the last field of a command.
struct rest {
    bytes value;
};
struct secret_rest {
    secret_bytes value;
};

inline void put(wire::writer& w, const rest& field) {
    w.octets(field.value);
}
inline void get(wire::reader& r, rest& field) {
    field.value = to_bytes(r.octets(r.left()));
}
inline void put(wire::writer& w, const secret_rest& field) {
    w.octets(field.value.reveal());
}
inline void get(wire::reader& r, secret_rest& field) {
    field.value = secret_bytes(r.octets(r.left()));
}

// Exactly N secret octets.
template <size_t N>
struct secret_octets {
    secret_bytes value{N};
};
template <size_t N>
void put(wire::writer& w, const secret_octets<N>& field) {
    w.octets(field.value.reveal());
}
template <size_t N>
void get(wire::reader& r, secret_octets<N>& field) {
    field.value = secret_bytes(r.octets(N));
}

// Length in two octets, then that many [stsafea_commands.h] STSAFEA_GENERIC_LENGTH_SIZE.
using lengthy = wire::opaque<0, 1024>;
struct secret_lengthy {
    secret_bytes value;
};
inline void put(wire::writer& w, const secret_lengthy& field) {
    const size_t mark = w.open(2);
    w.octets(field.value.reveal());
    w.close(mark, 2, 0, 1024);
}
inline void get(wire::reader& r, secret_lengthy& field) {
    field.value = secret_bytes(r.vector(2, 0, 1024));
}

}  // namespace berth::keystore::stsafe
