// What people write: berthd's configuration, device.toml, layers of the customer's configuration, PEM files of certificates,
// lists and keys. All of it is refused with a sentence or read.
#include "device/config_toml.h"
#include "pki/crl.h"
#include "pki/private_key_file.h"
#include "registry/configuration.h"
#include "roles/config.h"
#include "support/memory_file.h"
#include "wire/json.h"

using namespace berth;
using namespace berth::test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const bytes_view octets(data, size);
    const memory_file file(octets);
    explained(app::read_config(file.path()));
    app::device_bundle bundle;
    explained(app::read_device_toml(file.path(), bundle));
    const std::string_view text = as_text(octets);
    explained(pki::certificate::parse_pem_chain(text));
    explained(pki::crl::parse_pem_all(text));
    // Without a passphrase: how long one takes to be tried, the file says.
    explained(pki::private_key_from_pem(octets));
    registry::configuration_layer general;
    general.json = R"({"a":{"b":1},"c":[1]})";
    registry::configuration_layer particular;
    particular.json = std::string(text);
    const auto merged = registry::merge({general, particular});
    explained(merged);
    if (merged) {
        require(wire::parse_json_object(merged->json).has_value());
    }
    return 0;
}
