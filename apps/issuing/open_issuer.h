// The CA that [ca] of berthd.toml names, of whichever kind.
#pragma once

#include "issuing/directory_issuer.h"
#include "net/loop.h"

namespace berth::app {

// `on`: where EST is asked; it, `time` and `random` outlive what the opener opens. `make_way` as in directory_issuer. `how`:
// to_look, for who issues nothing; else records that an issuer of this opener has open already are not looked through again.
issuer_opener any_issuer(net::loop& on, const clock& time, random_source& random, std::function<void()> make_way,
                         store::opening how = store::opening::or_make);

}  // namespace berth::app
