// Documents of anybody's: read, verified by a root whose keys are known, written again as what they are; what a device has kept;
// a rollout's state; a patch; what a server answers.
#include "firmware/delta.h"
#include "firmware/fetch.h"
#include "firmware/record.h"
#include "firmware/rollout.h"
#include "support/memory_file.h"

using namespace berth;
using namespace berth::test;

namespace {

class counted final : public random_source {
public:
    void fill(std::span<uint8_t> out) override {
        for (auto& octet : out) {
            octet = next_++;
        }
    }

private:
    uint8_t next_ = 1;
};

jose::signing_key key(std::string_view alg) {
    counted random;
    return jose::read_signing_key(
               jose::generate_jwk(alg, jose::content_alg::a256gcm, crypto::agreement_group::p256, random).value())
        .value();
}

const firmware::trusted_root& trusted() {
    static const auto root = [] {
        const auto signer = key("ML-DSA-44");
        firmware::root_content r;
        r.repository = "gw";
        r.issued = 1;
        r.expires = 2;
        r.signers = {{"a", {signer.pub}}};
        r.root = r.list = r.release = {{"a"}, 1};
        auto d = firmware::document::unsigned_of(to_json(r));
        require(d.sign(signer).has_value());
        return firmware::trust_root(d).value();
    }();
    return root;
}

template <class Read>
void comes_back(Read read, const wire::json::object& payload) {
    const auto content = read(payload);
    explained(content);
    if (content) {
        const auto written = wire::to_text(firmware::to_json(*content));
        const auto again = read(wire::parse_json_object(written).value());
        require(again.has_value() && wire::to_text(firmware::to_json(*again)) == written);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const bytes_view octets(data, size);
    const std::string_view text = as_text(octets);
    const auto d = firmware::document::read(text);
    explained(d);
    if (d) {
        const auto again = firmware::document::read(d->text());
        require(again && again->text() == d->text());
        explained(firmware::trust_root(*d));
        explained(firmware::next_root(trusted(), *d));
        explained(firmware::verify_list(trusted(), *d, {}, 1));
        explained(firmware::verify_manifest(trusted(), *d));
    }
    // Payloads that nobody has signed, so that what is behind a signature is reached.
    if (const auto payload = wire::parse_json_object(text)) {
        comes_back(firmware::read_root, *payload);
        comes_back(firmware::read_list, *payload);
        comes_back(firmware::read_manifest, *payload);
        if (auto r = firmware::rollout::read(*payload)) {
            require(firmware::rollout::read(wire::parse_json_object(wire::to_text(r->to_json())).value()).has_value());
            r->ask("SN-1", 1'000'000);
            r->report("SN-1", false, 1'000'001);
        }
    }
    if (const auto r = firmware::read_record(text)) {
        const auto written = wire::to_text(firmware::to_json(*r));
        const auto again = firmware::read_record(written);
        require(again && wire::to_text(firmware::to_json(*again)) == written);
    }
    static const bytes base(1000, 0x61);
    explained(firmware::apply_delta(base, octets, 1000, [](bytes_view) { return result<void>{}; }));
    counted random;
    firmware::fetch f({std::string(64, '0'), 10}, "http://h/x", {}, random);
    const auto half = text.substr(0, size / 2);
    for (const unsigned status : {200U, 206U, 302U, 503U}) {
        explained(f.answered({status, half, text, half, octets}));
    }
    return 0;
}
