// What a document has to pass before anything is done with it, and the proofs that it has: nobody else makes one.
#pragma once

#include "firmware/list.h"
#include "firmware/root.h"

#include <map>
#include <set>

namespace berth::firmware {

// Who of a role has signed with all of his keys. Signatures of other keys are passed over, so that a root can be signed for those
// who trust the next one. Errors `bad_signature`: of a key of the role, and wrong; `too_few_signers`: less than the threshold,
// with the parameters "signed" and "threshold"; `wrong_type`.
result<std::vector<std::string>> signed_by(const document& d, const root_content& root, const role& by);

class trusted_root {
public:
    [[nodiscard]] const root_content& content() const { return content_; }
    [[nodiscard]] const std::string& text() const { return text_; }  // as it was read

private:
    friend result<trusted_root> trust_root(const document&);
    friend result<trusted_root> next_root(const trusted_root&, const document&);
    trusted_root(root_content content, std::string text) : content_(std::move(content)), text_(std::move(text)) {}
    root_content content_;
    std::string text_;
};

// The root that somebody trusts because of where he has it from: put there by the maker. It must be signed by itself.
result<trusted_root> trust_root(const document& d);
// Version N + 1, signed by the thresholds of N and of itself. Errors also `root_not_consecutive`, `wrong_repository`. A root that
// has expired still tells the next one; whether the last has, is for the caller to ask (check_time).
result<trusted_root> next_root(const trusted_root& now, const document& d);

// What a device has seen, and keeps: it goes up, and never down.
struct seen {
    uint64_t list_version = 0;
    std::string list_digest;  // of the payload of that version
    std::string list_keys;    // fingerprint() of the role that signed it: with other keys the version begins anew
};

class verified_list {
public:
    [[nodiscard]] const list_content& content() const { return content_; }
    [[nodiscard]] const seen& as_seen() const { return seen_; }  // what is to be kept from now on

private:
    friend result<verified_list> verify_list(const trusted_root&, const document&, const seen&, unix_seconds);
    verified_list(list_content content, seen s) : content_(std::move(content)), seen_(std::move(s)) {}
    list_content content_;
    seen seen_;
};

// `now` 0: this device has no clock, and nothing is judged to have expired.
// Errors `list_rollback`: its version is lower than one seen; `list_changed`: the same version, and other octets; `list_expired`:
// nobody has made a new one, or somebody withholds it; `root_missing`: there is a newer root, which was withheld;
// `wrong_repository`; and of signed_by and read_list.
result<verified_list> verify_list(const trusted_root& root, const document& d, const seen& last, unix_seconds now);

// The one thing that can be installed.
class verified_manifest {
public:
    [[nodiscard]] const manifest& content() const { return content_; }
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] const std::vector<std::string>& signers() const { return signers_; }

private:
    friend result<verified_manifest> verify_manifest(const trusted_root&, const document&);
    verified_manifest(manifest content, std::string text, std::vector<std::string> signers)
        : content_(std::move(content)), text_(std::move(text)), signers_(std::move(signers)) {}
    manifest content_;
    std::string text_;
    std::vector<std::string> signers_;
};

result<verified_manifest> verify_manifest(const trusted_root& root, const document& d);
// That it is the one that the list speaks of: error `mixed_documents`.
result<void> check_listed(const verified_manifest& m, const release& listed);
// Error `manifest_expired`, `root_expired`: `what` is "manifest" or "root".
result<void> check_time(std::string_view what, unix_seconds expires, unix_seconds now);

struct device_facts {
    std::string vendor, device_class, revision, ring;
    uint64_t installed_seq = 0;              // of what is confirmed; 0: what the factory put there
    uint64_t security_counter = 0;           // of the device's counter
    std::set<uint64_t> returned;             // seqs that were tried and did not hold
    std::map<std::string, uint64_t> others;  // seq of other parts, by class
    std::optional<uint64_t> free_space;
    std::optional<unsigned> battery_percent;
    bool again = false;  // what has returned may be tried once more
};

// Whether this device may have it. Errors `wrong_device` (vendor, class or revision, in the parameter "member"), `up_to_date` (it
// is installed: nothing to do), `rollback` (it is lower than what is installed), `security_rollback`, `too_old` (something
// between must be installed first), `dependency_missing`, `has_returned`, `no_space`, `battery_low`.
result<void> acceptable(const verified_manifest& m, const device_facts& device);

}  // namespace berth::firmware
