// Who has signed whom in a supply chain, out of files and directories that its parties have: drawn, verified, and asked for the
// devices below a signer.
#pragma once

#include "pki/crl.h"
#include "pki/verify.h"

#include <filesystem>
#include <map>
#include <optional>

namespace berth::app {

class chain_view {
public:
    // A file (PEM), a party's directory (what it has signed, what it has been given, its journal, which is checked), or any other
    // one, of which all .pem files are taken that hold certificates. Errors of files, check_journal.
    result<void> add(const std::filesystem::path& place);
    // Whom the chains must lead to; without any, whoever has signed itself.
    void trust(std::vector<pki::certificate> anchors) { anchors_ = std::move(anchors); }
    void heed(std::vector<pki::crl> lists) { lists_ = std::move(lists); }

    struct entry {
        pki::certificate certificate;
        std::string where;                         // the first place that had it
        std::optional<unix_seconds> signed_at;     // of the signer's records; without these only notBefore is known
        std::vector<size_t> signers = {};          // those here that have signed it; several where one has several certificates
        std::optional<unix_seconds> revoked = {};  // as its signer's records say
        std::optional<error> wrong = {};           // what is wrong with it or above it
        [[nodiscard]] bool is_device() const { return !certificate.is_ca(); }
    };
    // Judges all. Errors of pki::trust_store::build: a list or an anchor cannot be used.
    result<std::vector<entry>> judged(unix_seconds now) const;

private:
    void take(const pki::certificate& one, const std::string& where, std::optional<unix_seconds> at);
    result<void> add_party(const std::filesystem::path& directory);

    std::vector<entry> entries_;
    std::map<std::array<uint8_t, 32>, size_t> known_;  // by SHA-256
    std::vector<pki::certificate> anchors_;
    std::vector<pki::crl> lists_;
};

// A tree, one line each: of what one has signed, signers come first, then devices, by name. Who was signed by several comes below
// each of them.
struct drawn_line {
    std::string branch;  // "│  ├─ "
    std::string below;   // "│  │  ", of what is told of the entry on a line of its own
    size_t entry = 0;
};
std::vector<drawn_line> draw(const std::vector<chain_view::entry>& all);

// Devices with this signer's key above them, at whatever distance.
std::vector<size_t> devices_below(const std::vector<chain_view::entry>& all, const pki::certificate& signer);

}  // namespace berth::app
