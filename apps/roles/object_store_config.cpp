#include "roles/object_store_config.h"

#include "common/config_reader.h"
#include "hub/files/s3.h"
#include "net/http.h"

#include <algorithm>

namespace berth::app {

namespace {

constexpr size_t most_word = 128;

// What signatures and headers take as it is.
bool is_word(const std::string& text) {
    return !text.empty() && text.size() <= most_word && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.';
    });
}

}  // namespace

result<object_store_config> read_object_store(table_reader t) {
    object_store_config out;
    out.endpoint = t.text("endpoint");
    const bool plain_allowed = t.flag("plain_http", false);
    const auto url = net::parse_url(out.endpoint);
    const bool here = url && (url->host.host == "localhost" || url->host.host == "127.0.0.1" || url->host.host == "::1");
    const bool plain = url && url->transport == net::transport_kind::plain;
    if (!url || url->transport == net::transport_kind::authkem || url->target != "/") {
        t.complain_of("endpoint", "the URL of the store without a path, as \"https://s3.eu-central-1.amazonaws.com\"");
    } else if (plain && !here && !plain_allowed) {
        t.complain_of("endpoint",
                      "a store is asked over HTTPS, or over plain HTTP on this machine alone: whoever is on the way would read "
                      "all files. If that is what you want, say \"plain_http\" = true");
    }
    out.bucket = t.text("bucket");
    if (const auto good = hub::check_s3_bucket(out.bucket); !good) {
        t.complain_of("bucket", good.error().message);
    }
    out.region = t.text("region", "us-east-1");
    if (!is_word(out.region)) {
        t.complain_of("region", "a region as the store calls it, as \"eu-central-1\"");
    }
    out.prefix = t.text("prefix", "");
    if (const auto good = hub::check_s3_prefix(out.prefix); !good) {
        t.complain_of("prefix", good.error().message);
    }
    out.access_key_id = t.text("access_key_id");
    if (!is_word(out.access_key_id)) {
        t.complain_of("access_key_id", "the id of an access key: letters, digits, '-', '_' and '.'");
    }
    out.secret_file = t.path("secret_file", true);
    if (t.has("anchors")) {
        out.anchors = t.paths("anchors", true);
        if (plain) {
            t.complain_of("anchors", "nobody vouches for a store that is asked over plain HTTP: leave \"anchors\" out");
        }
    }
    BERTH_CHECK(t.finish());
    return out;
}

}  // namespace berth::app
