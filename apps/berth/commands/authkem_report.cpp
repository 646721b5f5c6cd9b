#include "berth/commands/authkem.h"

#include "base/log.h"

#include <cstdio>

namespace berth::app {

namespace {

using wire::json::array;
using wire::json::object;
using wire::json::value;

constexpr size_t exporter_octets = 32;

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(bytes_view data) {
    for (size_t i = 0; i < data.size();) {
        const uint8_t first = data[i];
        const size_t length = first < 0x80                    ? 1
                              : first >= 0xc2 && first < 0xe0 ? 2
                              : first >= 0xe0 && first < 0xf0 ? 3
                              : first >= 0xf0 && first < 0xf5 ? 4
                                                              : 0;
        if (length == 0 || length > data.size() - i) {
            return false;
        }
        for (size_t k = 1; k < length; ++k) {
            if ((data[i + k] & 0xc0) != 0x80) {
                return false;
            }
        }
        if ((first == 0xe0 && data[i + 1] < 0xa0) || (first == 0xed && data[i + 1] > 0x9f) ||
            (first == 0xf0 && data[i + 1] < 0x90) || (first == 0xf4 && data[i + 1] > 0x8f)) {
            return false;
        }
        i += length;
    }
    return true;
}

value optional_text(const std::optional<std::string>& text) {
    return text ? value(*text) : value(nullptr);
}

std::string key_name(const pki::certificate& c) {
    const auto key = c.kem_key();
    return key ? std::string(crypto::name_of(key->algorithm())) : "unknown";
}

array chain_of(std::span<const pki::certificate> chain) {
    array out;
    for (const pki::certificate& c : chain) {
        out.push_back(object{{"subject", c.subject()},
                             {"issuer", c.issuer()},
                             {"serial", c.serial_hex()},
                             {"not_before", to_iso8601(c.not_before())},
                             {"not_after", to_iso8601(c.not_after())},
                             {"sha256", to_hex(c.sha256())},
                             {"spki_sha256", to_hex(c.spki_sha256())},
                             {"pem", c.to_pem()}});
    }
    return out;
}

std::optional<std::string> exporter_of(const authkem::session& session) {
    const auto secret = session.exporter("EXPORTER-test", {}, exporter_octets);
    return secret ? std::optional<std::string>(to_hex(secret->reveal())) : std::nullopt;
}

object as_json(const connection_report& report, const authkem::session* session) {
    const auto sent = report.stream.alert_sent();
    const auto came = report.stream.alert_received();
    object out;
    out["ok"] = report.why == nullptr && session != nullptr;
    out["suite"] = session ? value(std::string(name_of(session->suite()))) : value(nullptr);
    out["scheme"] = session ? value(std::string(crypto::name_of(session->scheme()))) : value(nullptr);
    out["flow"] = session ? value(std::string(name_of(session->flow()))) : value(nullptr);
    out["mutual"] = report.mutual;
    out["octets_sent"] = report.stream.octets_sent();
    out["octets_received"] = report.stream.octets_received();
    out["exporter"] = session ? optional_text(exporter_of(*session)) : value(nullptr);
    out["peer_chain"] = session ? chain_of(session->peer().chain()) : array();
    const bool text = is_utf8(report.received);
    out["received"] = text ? std::string(as_text(report.received)) : to_hex(report.received);
    out["received_encoding"] = text ? "utf-8" : "hex";
    out["alert"] = optional_text(sent ? sent : came);
    out["alert_from"] = sent ? value("us") : came ? value("peer") : value(nullptr);
    out["peer"] = report.peer;
    out["peer_state"] = session ? value(std::string(name_of(session->peer().state()))) : value(nullptr);
    out["peer_key_sha256"] =
        session && session->peer().key() ? value(to_hex(session->peer().key()->spki_sha256())) : value(nullptr);
    out["alpn"] = session && !session->alpn().empty() ? value(session->alpn()) : value(nullptr);
    out["server_name"] = session && !session->server_name().empty() ? value(session->server_name()) : value(nullptr);
    if (report.name_checked) {
        out["server_name_checked"] = *report.name_checked;
    }
    out["handshake_ms"] = session ? value(report.stream.handshake_ms()) : value(nullptr);
    if (report.why) {
        out["error"] = to_json(*report.why);
    }
    return out;
}

void print_line(const char* name, const std::string& text) {
    std::fputs(fmt::format("  {:<10} {}\n", name, text).c_str(), stdout);
}

void print_for_people(const connection_report& report, const authkem::session& session) {
    std::fputs(fmt::format("{}: {} handshake{} in {:.2f} ms\n", report.peer, name_of(session.flow()),
                           report.mutual ? ", mutual," : "", report.stream.handshake_ms())
                   .c_str(),
               stdout);
    print_line("suite", std::string(name_of(session.suite())));
    print_line("scheme", std::string(crypto::name_of(session.scheme())) + " (the server's key)");
    print_line("peer", std::string(name_of(session.peer().state())));
    for (const pki::certificate& c : session.peer().chain()) {
        print_line("", fmt::format("{}  {} until {}", log::escape(c.subject()), c.is_ca() ? "CA" : key_name(c),
                                   to_iso8601(c.not_after())));
        print_line("", fmt::format("  issued by {}, SHA-256 {}", log::escape(c.issuer()), to_hex(c.sha256())));
    }
    if (!session.alpn().empty()) {
        print_line("alpn", log::escape(session.alpn()));
    }
    if (!session.server_name().empty()) {
        print_line("name", log::escape(session.server_name()) +
                               (report.name_checked == false ? " (sent; NOT CHECKED in the certificate: --server-name)" : ""));
    } else if (report.name_checked == false) {
        print_line("name", "NOT CHECKED in the certificate: --server-name");
    }
    print_line("octets", fmt::format("{} sent, {} received", report.stream.octets_sent(), report.stream.octets_received()));
    print_line("exporter", exporter_of(session).value_or(""));
    if (!report.received.empty()) {
        print_line("received",
                   is_utf8(report.received) ? '"' + log::escape(as_text(report.received)) + '"' : to_hex(report.received));
    }
    std::fflush(stdout);
}

}  // namespace

int print(const connection_report& report, bool json) {
    const authkem::session* session = const_cast<net::authkem_stream&>(report.stream).session();
    if (json) {
        print_json(as_json(report, session));
        return report.why ? exit_code(report.why->category) : 0;
    }
    if (session) {
        print_for_people(report, *session);
    }
    return report.why ? app::report(*report.why, false) : 0;
}

}  // namespace berth::app
