// berth se authenticate: whether the chip is the one that its certificate speaks of.
#include "attestation/element_verifier.h"
#include "berth/commands/se.h"
#include "berth/commands/se_server.h"
#include "common/files.h"
#include "common/words.h"
#include "crypto/random.h"
#include "keystore/stsafe/authentication.h"
#include "keystore/stsafe/usage.h"

namespace berth::app {

namespace {

namespace st = keystore::stsafe;

struct authenticate_options {
    element_options element;
    std::vector<std::filesystem::path> makers, issuers, lists, server_roots;
    std::string server, server_name;
    bool local = false;
    std::optional<uint8_t> counter;
    uint32_t by = 1;
};

// A server is the judge: it has its own makers and lists.
result<void> authenticate_at_server(const context& c, const authenticate_options& o) {
    if (o.server_roots.empty()) {
        return fail(error_category::usage, "missing_option", "--server-ca is needed: the CAs that may vouch for the server");
    }
    BERTH_TRY(at, net::parse_address(o.server));
    BERTH_TRY(roots, read_anchors(o.server_roots));
    BERTH_TRY(vouched, pki::trust_store::build({std::move(roots), {}, {}}));
    BERTH_TRY(issuers, read_certificates(o.issuers));
    BERTH_TRY(element, opened_element::open(o.element));
    const std::string name = o.server_name.empty() ? at.host : o.server_name;
    BERTH_TRY(told, authenticate_at({at, name, std::move(vouched)}, element.chip(), {element.place().slot, element.place().zone},
                                    issuers));
    if (c.json) {
        print_json(told);
        return {};
    }
    BERTH_TRY(subject, wire::text_member(told, "subject"));
    BERTH_TRY(maker, wire::text_member(told, "maker"));
    fmt::print("certificate  {}\nissued by    {}\nThe element is genuine, says {}.\n", one_line(subject), one_line(maker), name);
    return {};
}

result<void> authenticate(const context& c, const authenticate_options& o) {
    if (!o.server.empty()) {
        return authenticate_at_server(c, o);
    }
    if (o.makers.empty()) {
        return fail(error_category::usage, "missing_option",
                    "--ca is needed: the CA certificates of makers whose elements are believed (or --server: it knows them)");
    }
    BERTH_TRY(anchors, read_anchors(o.makers));
    BERTH_TRY(issuers, read_certificates(o.issuers));
    BERTH_TRY(lists, read_crls(o.lists));
    BERTH_TRY(makers, pki::trust_store::build({std::move(anchors), std::move(issuers), std::move(lists)}));
    BERTH_TRY(element, opened_element::open(o.element));
    const st::identity_place place{element.place().slot, element.place().zone};
    BERTH_TRY(verified, st::authenticate(element.chip(), place, makers, system_clock().now(), crypto::system_random()));
    wire::json::object told = attestation::describe(verified);
    told["slot"] = place.slot;
    told["zone"] = place.zone;
    std::optional<uint32_t> left;
    if (o.counter) {
        // Only now: what is no genuine part is not counted either.
        BERTH_TRY(lowered, st::use_counter(element.chip(), *o.counter, o.by));
        left = lowered;
        told["counter"] = wire::json::object{{"zone", *o.counter}, {"used", o.by}, {"left", lowered}};
    }
    if (c.json) {
        print_json(told);
        return {};
    }
    fmt::print("certificate  {} (zone {})\nissued by    {}\nchallenge    signed by the certificate's key (slot {})\n",
               one_line(verified.certificate().subject()), place.zone, one_line(verified.maker().subject()), place.slot);
    if (left) {
        fmt::print("counter      zone {}: {} used, {} left\n", *o.counter, o.by, *left);
    }
    fmt::print("The element is genuine.\n");
    return {};
}

}  // namespace

void add_se_authenticate(CLI::App& group, context& c) {
    const auto o = std::make_shared<authenticate_options>();
    auto* const command = group.add_subcommand(
        "authenticate", "verify that a chip has a certificate of its maker and the key that belongs to it, by a fresh challenge");
    add_chip(*command, o->element);
    auto* const makers =
        command->add_option("--ca", o->makers, "CA certificates of makers whose elements are believed (PEM; may be repeated)")
            ->type_name("FILE");
    command->add_option("--issuer", o->issuers, "CA certificates that may stand between these and the element's")
        ->type_name("FILE");
    command->add_option("--crl", o->lists, "revocation lists (PEM)")->type_name("FILE");
    auto* const local =
        command->add_flag("--local", o->local,
                          "the chip is a part's (accessory, cartridge) that this host is to accept: with --counter, it is used");
    auto* const counter =
        command->add_option("--counter", o->counter, "lower the one-way counter in this zone, if the part is genuine")
            ->type_name("ZONE")
            ->needs(local);
    command->add_option("--by", o->by, "by how much (1)")->type_name("N")->check(CLI::Range(1U, 0xffffffffU))->needs(counter);
    command
        ->add_option("--server", o->server,
                     "let a berthd with an [element] table verify it: it makes the challenge, and knows makers and lists")
        ->type_name("HOST:PORT")
        ->check(host_and_port())
        ->excludes(makers)
        ->excludes(local);
    command->add_option("--server-ca", o->server_roots, "CA certificates that may vouch for the server's (PEM)")
        ->type_name("FILE");
    command->add_option("--server-name", o->server_name, "its name, if it is not the host of --server")->type_name("NAME");
    command->callback([o, &c] { c.run([&] { return authenticate(c, *o); }); });
}

}  // namespace berth::app
