#include "setup/chain_view.h"

#include "common/files.h"
#include "hub/login/left_names.h"
#include "pki/client_chain.h"
#include "pki/constraints.h"
#include "setup/chain_journal.h"
#include "setup/chain_party.h"

#include <algorithm>
#include <set>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

bool has_signed(const pki::certificate& signer, const pki::certificate& subject) {
    return signer.is_ca() && same_octets(signer.subject_der(), subject.issuer_der()) &&
           subject.check_signature(signer).has_value();
}

bool is_root(const pki::certificate& c) {
    return c.is_self_issued() && c.check_signature(c).has_value();
}

// As a hub judges it when it logs in.
result<void> device_stands(const pki::trust_store& store, std::span<const pki::certificate> chain, pki::verify_options how) {
    how.leaf = pki::leaf_rule::signature;
    how.max_intermediates = most_signers;
    BERTH_TRY(verified, pki::verify_client_chain(store, chain, how));
    BERTH_CHECK(pki::check_stand_ins(verified));
    return hub::check_names_left(verified);
}

result<void> signer_stands(const pki::trust_store& store, std::span<const pki::certificate> chain, pki::verify_options how) {
    how.leaf = pki::leaf_rule::ca;
    how.max_intermediates = most_signers - 1;  // it is one of them itself
    BERTH_TRY(verified, pki::verify_chain(store, chain, how));
    return pki::check_may_sign(verified);
}

// What signers have in their records counts before it is on any list, and for all below.
void heed_records(std::vector<chain_view::entry>& all) {
    for (auto& one : all) {
        if (one.revoked && !one.wrong) {
            one.wrong = error{error_category::peer, "certificate_revoked",
                              "Its signer has revoked it at " + to_iso8601(*one.revoked) + ", as its records say."};
        }
    }
    for (bool more = true; more;) {
        more = false;
        for (auto& one : all) {
            const auto is_revoked = [&](size_t i) { return all[i].wrong && all[i].wrong->is("certificate_revoked"); };
            if (!one.wrong && !one.signers.empty() && std::ranges::all_of(one.signers, is_revoked)) {
                one.wrong = error{error_category::peer, "certificate_revoked",
                                  "Its signer, " + all[one.signers.front()].certificate.subject() + ", was revoked."};
                more = true;
            }
        }
    }
}

}  // namespace

void chain_view::take(const pki::certificate& one, const std::string& where, std::optional<unix_seconds> at) {
    const auto [place, is_new] = known_.try_emplace(one.sha256(), entries_.size());
    if (is_new) {
        entries_.push_back({one, where, at});
    } else if (at && !entries_[place->second].signed_at) {
        entries_[place->second].signed_at = at;
    }
}

result<void> chain_view::add_party(const fs::path& directory) {
    BERTH_CHECK(check_journal(directory));
    const fs::path own = directory / (std::string(party_name) + ".pem");
    BERTH_TRY(is_signed, is_there(own));
    if (is_signed) {
        BERTH_TRY(chain, read_chain(own));
        for (const auto& one : chain) {
            take(one, own.string(), std::nullopt);
        }
    }
    BERTH_TRY(records, store::sqlite_ca_store::open((directory / "ca.db").string(), store::opening::to_read));
    ca::log_query query;
    for (;;) {
        BERTH_TRY(page, records->list(query));
        for (const auto& e : page) {
            BERTH_TRY(one, pki::certificate::parse(e.certificate));
            take(one, directory.string(), e.at);
            BERTH_TRY(status, records->status(e.issuer, e.serial));
            if (status.state == ca::standing::revoked) {
                entries_[known_.at(one.sha256())].revoked = status.at;
            }
            query.after = e.number;
        }
        if (page.size() < query.most) {
            return {};
        }
    }
}

result<void> chain_view::add(const fs::path& place) {
    std::error_code failed;
    if (!fs::is_directory(place, failed)) {
        BERTH_TRY(all, read_certificates({place}));
        for (const auto& one : all) {
            take(one, place.string(), std::nullopt);
        }
        return {};
    }
    BERTH_TRY(is_party, is_there(place / "ca.db"));
    if (is_party) {
        return add_party(place);
    }
    std::vector<fs::path> files;
    std::vector<fs::path> parties;  // what they have revoked counts
    for (const auto& file : fs::directory_iterator(place, failed)) {
        std::error_code none;
        if (file.path().extension() == ".pem") {
            files.push_back(file.path());
        } else if (fs::exists(file.path() / "ca.db", none)) {
            parties.push_back(file.path());
        }
    }
    if (failed) {
        return cannot("read", place, failed);
    }
    std::ranges::sort(parties);
    for (const auto& party : parties) {
        BERTH_CHECK(add_party(party));
    }
    std::ranges::sort(files);
    for (const auto& file : files) {
        // Keys and requests lie there as well.
        const auto all = read_certificates({file});
        for (const auto& one : all.value_or(std::vector<pki::certificate>())) {
            take(one, file.string(), std::nullopt);
        }
    }
    return {};
}

result<std::vector<chain_view::entry>> chain_view::judged(unix_seconds now) const {
    auto out = entries_;
    pki::trust_store::contents contents{anchors_, {}, lists_};
    std::multimap<bytes, size_t> by_name;
    for (size_t i = 0; i < out.size(); ++i) {
        const auto& one = out[i].certificate;
        if (!one.is_ca()) {
            continue;
        }
        by_name.emplace(to_bytes(one.subject_der()), i);
        if (anchors_.empty() && is_root(one)) {
            contents.anchors.push_back(one);
        } else {
            contents.intermediates.push_back(one);
        }
    }
    BERTH_TRY(store, pki::trust_store::build(std::move(contents)));
    pki::verify_options how;
    how.time = pki::validity_instants::at(now);
    how.allow_rsa = true;
    for (size_t i = 0; i < out.size(); ++i) {
        auto& one = out[i];
        const auto [first, last] = by_name.equal_range(to_bytes(one.certificate.issuer_der()));
        // Another certificate of a root's key, by a third, is none that the root stands on.
        for (auto at = is_root(one.certificate) ? last : first; at != last; ++at) {
            if (at->second != i && has_signed(out[at->second].certificate, one.certificate)) {
                one.signers.push_back(at->second);
            }
        }
        if (std::ranges::find(store.anchors(), one.certificate) != store.anchors().end()) {
            if (one.certificate.not_after() < now) {
                one.wrong = error{error_category::peer, "certificate_expired",
                                  "It expired at " + to_iso8601(one.certificate.not_after()) + "."};
            }
            continue;
        }
        const std::array<pki::certificate, 1> alone{one.certificate};
        const auto stands = one.is_device() ? device_stands(store, alone, how) : signer_stands(store, alone, how);
        if (!stands) {
            one.wrong = stands.error();
        }
    }
    heed_records(out);
    return out;
}

namespace {

class drawing {
public:
    explicit drawing(const std::vector<chain_view::entry>& all) : all_(all), below_(all.size()) {
        for (size_t i = 0; i < all.size(); ++i) {
            if (all[i].signers.empty()) {
                tops_.push_back(i);
            }
            for (const size_t signer : all[i].signers) {
                below_[signer].push_back(i);
            }
        }
    }
    std::vector<drawn_line> lines() {
        sort(tops_);
        for (const size_t one : tops_) {
            out_.push_back({"", "", one});
            walk(one, "");
        }
        return std::move(out_);
    }

private:
    void sort(std::vector<size_t>& some) const {
        std::ranges::sort(some, {}, [this](size_t i) {
            return std::tuple(all_[i].is_device(), all_[i].certificate.subject(), all_[i].certificate.not_before(), i);
        });
    }
    void walk(size_t at, const std::string& before) {
        // Two roots that have signed each other would be drawn for ever.
        if (!above_.insert(at).second) {
            return;
        }
        sort(below_[at]);
        for (size_t i = 0; i < below_[at].size(); ++i) {
            const bool is_last = i + 1 == below_[at].size();
            const std::string below = before + (is_last ? "   " : "│  ");
            out_.push_back({before + (is_last ? "└─ " : "├─ "), below, below_[at][i]});
            walk(below_[at][i], below);
        }
        above_.erase(at);
    }

    const std::vector<chain_view::entry>& all_;
    std::vector<std::vector<size_t>> below_;
    std::vector<size_t> tops_;
    std::set<size_t> above_;
    std::vector<drawn_line> out_;
};

bool is_below(const std::vector<chain_view::entry>& all, size_t at, const pki::certificate& signer, std::set<size_t>& seen) {
    return seen.insert(at).second && std::ranges::any_of(all[at].signers, [&](size_t above) {
               return all[above].certificate.spki_sha256() == signer.spki_sha256() || is_below(all, above, signer, seen);
           });
}

}  // namespace

std::vector<drawn_line> draw(const std::vector<chain_view::entry>& all) {
    return drawing(all).lines();
}

std::vector<size_t> devices_below(const std::vector<chain_view::entry>& all, const pki::certificate& signer) {
    std::vector<size_t> out;
    for (size_t i = 0; i < all.size(); ++i) {
        std::set<size_t> seen;
        if (all[i].is_device() && is_below(all, i, signer, seen)) {
            out.push_back(i);
        }
    }
    return out;
}

}  // namespace berth::app
