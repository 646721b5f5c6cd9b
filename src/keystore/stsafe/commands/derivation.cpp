#include "keystore/stsafe/commands/derivation.h"

namespace berth::keystore::stsafe {

namespace {

// `moded`: the mode of operation stands before a key, and not before a salt.
void put_source(wire::writer& w, const hkdf_source& s, bool moded) {
    w.integer(s.source, 1);
    if (s.source != with_command) {
        w.integer(s.slot, 1);
        return;
    }
    if (moded) {
        w.integer(s.mode, 1);
    }
    w.integer(s.value.size(), 2);
    w.octets(s.value.reveal());
}

hkdf_source get_source(wire::reader& r, bool moded) {
    hkdf_source out;
    out.source = static_cast<uint8_t>(r.integer(1));
    if (out.source != with_command) {
        out.slot = static_cast<uint8_t>(r.integer(1));
        return out;
    }
    if (moded) {
        out.mode = static_cast<uint8_t>(r.integer(1));
    }
    out.value = secret_bytes(r.vector(2, 0, 1024));
    return out;
}

}  // namespace

void put(wire::writer& w, const hkdf_work& work) {
    put_source(w, work.key, true);
    w.integer(work.flags, 1);
    wire::put(w, work.hash);
    if ((work.flags & hkdf_extract_flag) != 0) {
        put_source(w, work.salt, false);
    }
    if ((work.flags & hkdf_expand_flag) == 0) {
        return;
    }
    w.integer(work.info.size(), 2);
    w.octets(work.info);
    for (const hkdf_wanted& one : work.wanted) {
        const size_t mark = w.open(2);
        w.integer(one.destination, 1);
        if (one.destination == with_answer) {
            w.integer(one.length, 2);
        } else {
            wire::put(w, one.lock);
            put(w, one.kind);
        }
        w.close(mark, 2, 0, 64);
    }
}

void get(wire::reader& r, hkdf_work& work) {
    work.key = get_source(r, true);
    work.flags = static_cast<uint8_t>(r.integer(1));
    work.hash = hash_name(r.vector(2, 0, 256));
    if ((work.flags & hkdf_extract_flag) != 0) {
        work.salt = get_source(r, false);
    }
    work.wanted.clear();
    if ((work.flags & hkdf_expand_flag) == 0) {
        return;
    }
    work.info = to_bytes(r.vector(2, 0, 1024));
    while (r.ok() && r.left() > 0) {
        wire::reader inner(r.vector(2, 0, 64));
        hkdf_wanted one;
        one.destination = static_cast<uint8_t>(inner.integer(1));
        if (one.destination == with_answer) {
            one.length = static_cast<uint16_t>(inner.integer(2));
        } else {
            one.lock = static_cast<key_lock>(inner.integer(1));
            get(inner, one.kind);
        }
        if (!inner.ok() || inner.left() != 0) {
            r.fault("the description of a key to be derived is not one");
        }
        work.wanted.push_back(one);
    }
}

}  // namespace berth::keystore::stsafe
