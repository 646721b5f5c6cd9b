// What bears out a production log's lines behind its last signature. Anybody who can write the file may have added them, and who
// goes on with the lot signs them: before that, they are compared with what a stranger cannot make.
#pragma once

#include "pki/certificate.h"
#include "registry/masa_registry.h"
#include "setup/line_order.h"

#include <set>

namespace berth::app {

// Of a factory's own lot: a unit was made if its bundle has the certificates that the line tells of, the MASA's records speak of
// them, and the factory's issued.jsonl of their keys.
class factory_evidence {
public:
    // `terms`: members that each line has.
    factory_evidence(std::filesystem::path factory, std::filesystem::path out, const pki::certificate& root,
                     std::unique_ptr<registry::masa_registry> records, log_line terms);
    // Of lines "made"; "loaded" is nothing that such a lot's log says. Errors `log_unproved`; of files and of the records.
    result<void> check(const log_line& line);

private:
    struct known;
    result<const known*> read_once();

    std::filesystem::path factory_, out_;
    onboarding::hash_field root_;
    std::unique_ptr<registry::masa_registry> records_;
    log_line terms_;
    std::shared_ptr<const known> known_;
};

// Of a contract line's: a unit was made if its request lies in `out`/requests, signed by the line; it was loaded if its bundle
// has certificates of the order's root for its serial. Of lines "lot", which tells what was ordered, "made" and "loaded". Errors
// as above.
result<void> check_line_evidence(const std::filesystem::path& out, const line_terms& terms,
                                 const crypto::verification_key& line_key, const log_line& line);
// What a contract line's log says of its lot, besides the serials.
wire::json::object said_of_lot(const line_terms& terms);
// Error `other_device`: what is there is not that unit with certificates of the order's root.
result<void> check_unit_bundle(const std::filesystem::path& bundle, const line_terms& terms, const std::string& serial);

}  // namespace berth::app
