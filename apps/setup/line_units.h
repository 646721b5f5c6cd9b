// A contract line at work: it makes keys in units, asks for their certificates by files, and loads what comes back. It has no
// CA's key, and needs nobody online.
#pragma once

#include "setup/line_message.h"
#include "setup/line_order.h"

namespace berth::app {

struct line_make {
    std::filesystem::path line;
    std::string order;  // the sealed order's text
    std::string station;
    bool clear_interrupted = false;
    lot_settings lot;  // serials and terms are the order's
    std::optional<secret_bytes> passphrase;
};
// Makes the keys of the order's units, and OUT/requests. An order is made in one place: its serials are its quota. Errors of
// open_line_order, run_lot; `quota_used`: the order was begun elsewhere.
result<lot_summary> make_line_units(const line_make& what, const clock& time, random_source& random, lot_watcher& watcher);

struct line_load {
    std::filesystem::path line;
    std::filesystem::path from;  // challenges and grants
    std::string station, attach, detach;
    std::optional<secret_bytes> passphrase;
};
struct line_loaded {
    size_t answered = 0;                                // OUT/answers
    size_t loaded = 0;                                  // complete bundles now
    size_t before = 0;                                  // were complete
    std::vector<std::pair<std::string, error>> failed;  // files
};
// Answers the manufacturer's challenges and loads certificates, one unit after the other. A file that cannot be used keeps no
// other from it: `bad_signature`, `unknown_order`, `quota_used`: it is of none of the order's units; those of factory::unit.
result<line_loaded> load_line_units(const line_load& what, const clock& time, random_source& random);

}  // namespace berth::app
