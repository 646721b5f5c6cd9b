#include "setup/line_order.h"

#include "common/files.h"
#include "crypto/hash.h"
#include "crypto/hpke.h"
#include "pki/private_key_file.h"
#include "setup/masa.h"
#include "setup/spoken_serials.h"
#include "wire/base64.h"
#include "wire/pem.h"

#include <charconv>

#include <fcntl.h>
#include <sys/file.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view order_label = "berth line order 1";
constexpr size_t id_octets = 16;
constexpr crypto::kem_algorithm line_kem = crypto::kem_algorithm::mlkem1024_p384;

tl::unexpected<error> bad(const char* name, const std::string& why) {
    return fail(error_category::usage, name, why);
}

result<bytes> octets_member(const wire::json::object& json, std::string_view name) {
    BERTH_TRY(text, wire::text_member(json, name));
    return wire::from_base64(text);
}

// What the manufacturer signs.
bytes signed_octets(std::string_view payload) {
    const std::array<uint8_t, 1> zero{};
    return concat({as_bytes(order_label), zero, as_bytes(payload)});
}

wire::json::array texts(const std::vector<std::string>& all) {
    return wire::json::array(all.begin(), all.end());
}

result<std::vector<std::string>> texts_member(const wire::json::object& json, std::string_view name) {
    const auto* const list = json.if_contains(name);
    std::vector<std::string> out;
    if (list == nullptr || !list->is_array()) {
        return bad("bad_order", fmt::format("\"{}\" must be a list", name));
    }
    for (const auto& item : list->get_array()) {
        if (!item.is_string()) {
            return bad("bad_order", fmt::format("\"{}\" must hold texts", name));
        }
        out.emplace_back(item.get_string());
    }
    return out;
}

// None in an order of before they were.
result<std::vector<uint8_t>> registers_member(const wire::json::object& json, const char* name) {
    std::vector<uint8_t> out;
    const auto* const list = json.if_contains(name);
    if (list != nullptr && !list->is_array()) {
        return bad("bad_order", fmt::format("\"{}\" must be a list", name));
    }
    for (const auto& item : list != nullptr ? list->get_array() : wire::json::array()) {
        if (!item.is_int64() || item.get_int64() < 0 || item.get_int64() > 23) {
            return bad("bad_order", fmt::format("\"{}\" must hold numbers of platform registers, 0 to 23", name));
        }
        out.push_back(static_cast<uint8_t>(item.get_int64()));
    }
    return out;
}

// As they come back from a text.
wire::json::array numbers(const std::vector<uint8_t>& all) {
    wire::json::array out;
    for (const int64_t each : all) {
        out.emplace_back(each);
    }
    return out;
}

wire::json::object device_json(const lot_order& order) {
    const device_order& d = order.device;
    std::vector<std::string> credentials;
    for (const auto& [name, algorithm] : d.credentials) {
        credentials.push_back(name + "=" + algorithm);
    }
    return {{"model", d.model},
            {"firmware", d.firmware},
            {"backend", order.backend},
            {"kem", name_of(d.kem)},
            {"signature", static_cast<int64_t>(d.signature)},
            {"p3", d.p3_uri},
            {"p3_sig", d.p3_sig_uri},
            {"registrars", texts(d.registrars)},
            {"masa", d.masa},
            {"discovery", texts(d.discovery)},
            {"direct", d.direct},
            {"pending_jitter_ms", int64_t{d.pending_jitter_ms}},
            {"quote_pcrs", numbers(d.quoted)},
            {"credentials", texts(credentials)}};
}

result<void> read_device(const wire::json::object& json, lot_order& out) {
    device_order& d = out.device;
    for (const auto& [name, into] : {std::pair("model", &d.model),
                                     {"firmware", &d.firmware},
                                     {"backend", &out.backend},
                                     {"p3", &d.p3_uri},
                                     {"p3_sig", &d.p3_sig_uri},
                                     {"masa", &d.masa}}) {
        BERTH_TRY(text, wire::text_member(json, name));
        *into = std::move(text);
    }
    BERTH_TRY(kem_name, wire::text_member(json, "kem"));
    BERTH_TRY(kem, kem_algorithm_named(kem_name));
    d.kem = kem;
    BERTH_TRY(scheme, wire::integer_member(json, "signature"));
    const auto signature = crypto::signature_algorithm_from_scheme(static_cast<uint16_t>(scheme));
    const auto* const direct = json.if_contains("direct");
    BERTH_TRY(jitter, wire::integer_member(json, "pending_jitter_ms"));
    if (!signature || direct == nullptr || !direct->is_bool() || jitter < 0 || jitter > 60'000) {
        return bad("bad_order", "it does not say which device is to be made");
    }
    d.signature = *signature;
    d.direct = direct->get_bool();
    d.pending_jitter_ms = static_cast<uint32_t>(jitter);
    BERTH_TRY(quoted, registers_member(json, "quote_pcrs"));
    d.quoted = std::move(quoted);
    BERTH_TRY(registrars, texts_member(json, "registrars"));
    d.registrars = std::move(registrars);
    BERTH_TRY(discovery, texts_member(json, "discovery"));
    d.discovery = std::move(discovery);
    BERTH_TRY(credentials, texts_member(json, "credentials"));
    d.credentials.clear();
    for (const auto& text : credentials) {
        const size_t equals = text.find('=');
        if (equals == std::string::npos) {
            return bad("bad_order", "a credential is written NAME=ALGORITHM");
        }
        d.credentials.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    return check_key_names(out, true);
}

result<void> read_values(const wire::json::object& json, std::map<uint8_t, std::string>& out) {
    for (const auto& [name, value] : json) {
        const std::string number(name);
        unsigned index = 0;
        const auto parsed = std::from_chars(number.data(), number.data() + number.size(), index);
        if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size() || index > 23 || !value.is_string()) {
            return bad("bad_order", "\"pcrs\" must hold values of platform registers, 0 to 23");
        }
        out[static_cast<uint8_t>(index)] = std::string(value.get_string());
    }
    return {};
}

// Nobody finds out at the line, where it is too late.
result<void> check_size(size_t octets) {
    constexpr size_t most = std::min(most_file_octets, wire::json_most_octets);
    if (octets > most) {
        return bad("too_large", fmt::format("the order would have {} octets, and a line reads {} at most: order fewer units at a "
                                            "time, or serials that are a prefix and a number",
                                            octets, most));
    }
    return {};
}

}  // namespace

std::string line_identity::to_text() const {
    return wire::to_text(wire::json::object{{"berth_line", 1},
                                            {"name", name},
                                            {"kem_key", wire::base64(kem.spki())},
                                            {"signing_key", wire::base64(signing.spki())}}) +
           "\n";
}

result<line_identity> line_identity::read(const fs::path& file) {
    BERTH_TRY(text, read_text(file));
    const auto read = [&text]() -> result<line_identity> {
        BERTH_TRY(json, wire::parse_json_object(text));
        BERTH_TRY(name, wire::text_member(json, "name"));
        BERTH_TRY(kem, octets_member(json, "kem_key"));
        BERTH_TRY(signing, octets_member(json, "signing_key"));
        BERTH_TRY(kem_key, crypto::kem_public_key::from_spki(kem));
        BERTH_TRY(signing_key, crypto::verification_key::from_spki(signing));
        return line_identity{std::move(name), std::move(kem_key), std::move(signing_key)};
    }();
    return read ? read
                : result<line_identity>(bad("bad_line", fmt::format("{} is no line.json of berth factory line init: {}",
                                                                    file.string(), read.error().message)));
}

result<line_identity> line_init(const fs::path& directory, const std::string& name, const fs::path& maker,
                                const std::optional<secret_bytes>& passphrase, random_source& random) {
    BERTH_TRY(orders_of, read_verification_key(maker));
    BERTH_CHECK(refuse_existing(directory / "line.json"));
    BERTH_CHECK(make_directory(directory, 0700));
    const auto kem = crypto::kem_private_key::generate(line_kem, random);
    BERTH_CHECK(pki::save_private_key((directory / "line.key").string(), kem, passphrase));
    BERTH_TRY(signing, production_key(directory, passphrase, random));
    BERTH_CHECK(write_text(directory / "maker.pub", wire::to_pem("PUBLIC KEY", orders_of.spki())));
    line_identity out{name, kem.public_key(), signing->public_key()};
    BERTH_CHECK(write_text(directory / "line.json", out.to_text()));
    return out;
}

wire::json::object line_terms::to_json() const {
    wire::json::object registers;
    for (const auto& [number, value] : order.registers) {
        registers[std::to_string(number)] = value;
    }
    return {{"id", id},
            {"line", line},
            {"name", order.name},
            {"serials", serials.to_json()},
            {"device", device_json(order)},
            {"customer", order.customer},
            {"customer_root", order.customer_root ? order.customer_root->to_pem() : ""},
            {"image", order.image},
            {"pcrs", std::move(registers)},
            {"settings", order.settings},
            {"root", root},
            {"masa_keys", masa_keys}};
}

result<line_terms> line_terms::from_json(const wire::json::object& json) {
    line_terms out;
    std::string customer_root;
    for (const auto& [name, into] : {std::pair("id", &out.id),
                                     {"line", &out.line},
                                     {"name", &out.order.name},
                                     {"customer", &out.order.customer},
                                     {"customer_root", &customer_root},
                                     {"image", &out.order.image},
                                     {"root", &out.root},
                                     {"masa_keys", &out.masa_keys}}) {
        BERTH_TRY(text, wire::text_member(json, name));
        *into = std::move(text);
    }
    for (const char* name : {"serials", "device", "pcrs", "settings"}) {
        if (const auto* const part = json.if_contains(name); part == nullptr || !part->is_object()) {
            return bad("bad_order", fmt::format("\"{}\" must be an object", name));
        }
    }
    BERTH_TRY(serials, serial_plan::from_json(json.at("serials").get_object()));
    out.serials = std::move(serials);
    BERTH_CHECK(read_device(json.at("device").get_object(), out.order));
    BERTH_CHECK(read_values(json.at("pcrs").get_object(), out.order.registers));
    out.order.settings = json.at("settings").get_object();
    if (!customer_root.empty()) {
        BERTH_TRY(chain, pki::certificate::parse_pem_chain(customer_root));
        out.order.customer_root = chain.front();
    }
    return out;
}

result<fs::path> order_directory(const fs::path& of, const std::string& id) {
    if (id.size() != 2 * id_octets || id.find_first_not_of("0123456789abcdef") != std::string::npos) {
        return fail(error{error_category::usage, "unknown_order", fmt::format("\"{}\" is no order's id", id)}.with("order", id));
    }
    return of / "orders" / id;
}

result<line_terms> read_order(const fs::path& directory) {
    BERTH_TRY(text, read_text(directory / "order.json"));
    auto terms = [&text]() -> result<line_terms> {
        BERTH_TRY(json, wire::parse_json_object(text));
        return line_terms::from_json(json);
    }();
    return terms ? std::move(terms)
                 : fail(std::move(terms).error().during((directory / "order.json").string()).with("path", directory.string()));
}

result<descriptor> lock_orders(const fs::path& factory) {
    const fs::path orders = factory / "orders";
    BERTH_CHECK(make_directory(orders, 0700));
    descriptor held(::open(orders.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!held) {
        return cannot("open", orders);
    }
    if (::flock(held.get(), LOCK_EX | LOCK_NB) != 0) {
        return fail(error{error_category::environment, "in_use",
                          fmt::format("another process works on {}; wait for its end and try again", orders.string())}
                        .with("path", orders.string()));
    }
    return held;
}

result<sealed_order> make_line_order(const line_order_request& request, random_source& random) {
    line_terms terms;
    terms.id = to_hex(random.octets<id_octets>());
    terms.line = to_hex(request.line.kem.spki_sha256());
    terms.serials = request.serials;
    terms.order = request.order;
    BERTH_CHECK(request.serials.check());
    BERTH_CHECK(check_key_names(request.order, true));
    BERTH_TRY(root, read_certificate(request.factory / "z1.pem"));
    terms.root = root.to_pem();
    BERTH_TRY(masa_keys, read_text(request.masa / "masa-kem.pem"));
    terms.masa_keys = std::move(masa_keys);
    BERTH_TRY(records, open_masa_store(request.masa));
    BERTH_CHECK(check_customer(request.order.customer, request.order.customer_root, *records));
    BERTH_TRY(held, lock_orders(request.factory));
    BERTH_CHECK(require_new_serials(request.serials, root.spki_sha256(), *records));
    BERTH_CHECK(require_not_spoken_for(request.factory, request.serials));

    BERTH_TRY(key, production_key(request.factory, request.passphrase, random));
    const std::string payload = wire::to_text(terms.to_json());
    BERTH_TRY(signature, key->sign(signed_octets(payload)));
    const std::string inner = wire::to_text(wire::json::object{{"terms", payload}, {"signature", wire::base64(signature)}});
    const auto& line = request.line.kem;
    auto sender = crypto::hpke_setup_sender(crypto::hpke_suite_aes256_for(line.algorithm()), line, as_bytes(order_label), random);
    const bytes sealed = sender.context.seal(line.spki_sha256(), as_bytes(inner));
    sealed_order out{
        terms.id,
        wire::to_text(wire::json::object{
            {"berth_order", 1}, {"line", terms.line}, {"enc", wire::base64(sender.enc)}, {"sealed", wire::base64(sealed)}}) +
            "\n"};
    BERTH_CHECK(check_size(out.text.size()));

    // What is not written down here is not issued for: before the order leaves the house.
    BERTH_TRY(kept, order_directory(request.factory, terms.id));
    BERTH_CHECK(make_directory(kept, 0700));
    BERTH_CHECK(write_text(kept / "line.json", request.line.to_text()));
    BERTH_CHECK(write_text(kept / "order.json", payload + "\n", 0600));
    return out;
}

result<line_terms> open_line_order(const fs::path& line, const std::string& text, const std::optional<secret_bytes>& passphrase) {
    const auto no_order = [](const error& e) {
        return bad("bad_order", "it is no order of berth factory order make: " + e.message);
    };
    BERTH_TRY(own, line_identity::read(line / "line.json"));
    BERTH_TRY(key, pki::load_kem_private_key((line / "line.key").string(), passphrase));
    auto outer = wire::parse_json_object(text);
    if (!outer) {
        return no_order(outer.error());
    }
    const auto to = wire::text_member(*outer, "line");
    const auto enc = octets_member(*outer, "enc");
    const auto sealed = octets_member(*outer, "sealed");
    for (const auto* part : {enc ? nullptr : &enc.error(), sealed ? nullptr : &sealed.error(), to ? nullptr : &to.error()}) {
        if (part != nullptr) {
            return no_order(*part);
        }
    }
    const auto other_line = [&own] {
        return bad("other_line", fmt::format("the order is for another line than {}, and is nothing here", own.name));
    };
    if (*to != to_hex(own.kem.spki_sha256())) {
        return other_line();
    }
    const auto altered = [] {
        return fail(
            error_category::peer, "order_altered",
            "the order does not open: it was changed on its way, or is not the manufacturer's of maker.pub. Ask for it again");
    };
    const auto shared = key.decapsulate(*enc);
    if (!shared) {
        return altered();
    }
    auto receiver =
        crypto::hpke_setup_receiver(crypto::hpke_suite_aes256_for(key.algorithm()), shared->reveal(), as_bytes(order_label));
    const auto opened = receiver.open(own.kem.spki_sha256(), *sealed);
    const auto inner = opened ? wire::parse_json_object(as_text(*opened), 2 * wire::json_most_octets)
                              : result<wire::json::object>(fail(opened.error()));
    if (!inner) {
        return altered();
    }
    BERTH_TRY(payload, wire::text_member(*inner, "terms"));
    BERTH_TRY(signature, octets_member(*inner, "signature"));
    BERTH_TRY(maker, read_verification_key(line / "maker.pub"));
    if (!maker.verify(signed_octets(payload), signature)) {
        return altered();
    }
    BERTH_TRY(json, wire::parse_json_object(payload, 2 * wire::json_most_octets));
    BERTH_TRY(terms, line_terms::from_json(json));
    // Whoever could open it can seal it for another line of the same manufacturer, but not sign it for that.
    if (terms.line != *to) {
        return other_line();
    }
    return terms;
}

}  // namespace berth::app
