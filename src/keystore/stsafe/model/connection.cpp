#include "keystore/stsafe/model/connection.h"

namespace berth::keystore::stsafe::model {

bytes serve(chip& c, bytes_view packet) {
    const auto t = bus::decode(packet);
    if (!t || t->address != c.address()) {
        return {bus::nack};
    }
    if (!t->reading) {
        return {c.write(t->octets) ? bus::ack : bus::nack};
    }
    const auto octets = c.read(t->count);
    return octets ? concat({bytes_view(&bus::ack, 1), *octets}) : bytes{bus::nack};
}

}  // namespace berth::keystore::stsafe::model
