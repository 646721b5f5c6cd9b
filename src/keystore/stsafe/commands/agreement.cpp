#include "keystore/stsafe/commands/agreement.h"

namespace berth::keystore::stsafe {

void put(wire::writer& w, const agreed_key_list& list) {
    for (const agreed_key& one : list.keys) {
        const size_t mark = w.open(2);
        wire::put(w, one.lock);
        w.integer(one.slot, 1);
        put(w, one.kind);
        w.close(mark, 2, 0, 64);
    }
}

void get(wire::reader& r, agreed_key_list& list) {
    list.keys.clear();
    while (r.ok() && r.left() > 0) {
        wire::reader inner(r.vector(2, 0, 64));
        agreed_key one;
        one.lock = static_cast<key_lock>(inner.integer(1));
        one.slot = static_cast<uint8_t>(inner.integer(1));
        get(inner, one.kind);
        if (!inner.ok() || inner.left() != 0) {
            r.fault("the description of an agreed key is not one");
        }
        list.keys.push_back(one);
    }
}

}  // namespace berth::keystore::stsafe
