// Where a key is, apart from how it is named: so that two names of one place are found before a key is lost over them.
#pragma once

#include "keystore/key_uri.h"

#include <vector>

namespace berth::keystore {

struct key_location {
    key_store_kind kind = key_store_kind::file;
    // Which TPM, chip or token; empty: whichever is usual there.
    std::string keeper;
    // What of it the key takes: "0x81020000"; "slot 1" and "zone 1"; a path; an object's name.
    std::vector<std::string> places;
};

// No chip is asked. Errors bad_key_uri, unknown_layout.
result<key_location> location_of(std::string_view uri, const open_options& options = {});

// The place that both would take, of one keeper as far as the names tell; empty: there is none.
std::string common_place(const key_location& a, const key_location& b);

}  // namespace berth::keystore
