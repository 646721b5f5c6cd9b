// berth se host-key: what host and chip share.
#include "berth/commands/se.h"
#include "keystore/stsafe/host_key.h"
#include "pki/private_key_file.h"

namespace berth::app {

namespace {

namespace st = keystore::stsafe;

constexpr size_t most_host_key = 64;

struct host_key_options {
    element_options element;
    std::string from;
    bool wrapped = false;
    std::vector<std::string> encrypted;
};

const std::map<std::string, uint8_t> encryptable{{"read", 0x05}, {"update", 0x06},    {"wrap", 0x0e},    {"unwrap", 0x0f},
                                                 {"sign", 0x16}, {"establish", 0x18}, {"password", 0x1a}};

result<void> set(const context& c, const host_key_options& o) {
    BERTH_TRY(uri, keystore::parse_key_uri(o.element.chip));
    if (uri.kind == keystore::key_store_kind::stsafe) {
        BERTH_TRY(name, st::parse_chip_name(uri.rest));
        if (!name.host_key.empty()) {
            return fail(error_category::usage, "bad_arguments",
                        "The chip has no host key yet: leave host-key= out of --chip, and name the file with --from.");
        }
    }
    BERTH_TRY(octets, pki::read_secret_file(o.from, most_host_key));
    BERTH_TRY(element, opened_element::open(o.element));
    st::host_key_options how{.wrapped = o.wrapped, .encrypted = {}};
    for (const auto& command : o.encrypted) {
        how.encrypted.push_back(encryptable.at(command));
    }
    BERTH_CHECK(st::set_host_key(element.chip(), octets, how));
    if (c.json) {
        print_json(wire::json::object{{"octets", octets.size()},
                                      {"wrapped", o.wrapped},
                                      {"encrypted", wire::json::array(o.encrypted.begin(), o.encrypted.end())}});
    } else {
        fmt::print("The chip has the host key of {}, for good. From now on: --chip \"{};host-key={}\"\n", o.from, o.element.chip,
                   o.from);
    }
    return {};
}

}  // namespace

void add_se_host_key(CLI::App& group, context& c) {
    auto* const host_key = group.add_subcommand("host-key", "the key that host and chip share");
    host_key->require_subcommand(1);
    const auto o = std::make_shared<host_key_options>();
    auto* const setting = host_key->add_subcommand(
        "set", "give one to a chip that has none and is not yet at work, for good, where its bus is trusted");
    add_chip(*setting, o->element);
    setting
        ->add_option("--from", o->from,
                     "its MAC key and its cipher key: 32 random octets, or 64 for an STSAFE-A120 with AES-256 (mode 0600)")
        ->type_name("FILE")
        ->required();
    setting->add_flag(
        "--wrapped", o->wrapped,
        "under a key that host and chip agree on first (STSAFE-A120): who only listens on the bus does not learn it");
    setting
        ->add_option("--encrypt", o->encrypted,
                     "a command that is encrypted from then on, both ways, and taken from nobody without the host key: read, "
                     "update, wrap, unwrap, sign, establish, password (may be repeated). Once in the chip's life")
        ->type_name("COMMAND")
        ->check(CLI::IsMember({"read", "update", "wrap", "unwrap", "sign", "establish", "password"}));
    setting->callback([o, &c] { c.run([&] { return set(c, *o); }); });
}

}  // namespace berth::app
