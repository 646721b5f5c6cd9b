#include "est/client.h"

#include "wire/base64.h"

namespace berth::est {

http_request client::request(operation op, bool with_password) const {
    http_request out;
    out.method = method_of(op);
    out.path = path_of({options_.label, op});
    out.headers = options_.extra;
    out.headers.add("User-Agent", options_.user_agent);
    if (with_password && !options_.user.empty()) {
        secret_bytes both{as_bytes(options_.user + ":")};
        both.append(options_.password.reveal());
        std::string encoded = wire::base64(both.reveal());
        std::string value;
        value.reserve(6 + encoded.size());
        value.append("Basic ").append(encoded);
        wipe(encoded);
        out.headers.add("Authorization", std::move(value));
    }
    return out;
}

http_request client::post(operation op, bytes_view csr, bool with_password) const {
    http_request out = request(op, with_password);
    out.headers.add("Content-Type", std::string(type::pkcs10));
    // RFC 8951 3.1 has every server take both; what was written before it (libest) takes lines alone.
    out.body = framed(csr, framing::lines_64);
    return out;
}

result<client> client::make(client_options options) {
    if (!options.label.empty() && !is_label(options.label)) {
        return fail(error{error_category::usage, "bad_label",
                          "\"" + options.label +
                              "\" cannot be a label of EST: 1 to 64 letters, digits, hyphens, underscores and "
                              "dots, and no operation's name."}
                        .with("label", options.label));
    }
    // RFC 7617 2: a user name cannot contain a colon.
    if (options.user.find(':') != std::string::npos) {
        return fail(error_category::usage, "bad_user", "The user name has a colon, which HTTP Basic cannot send.");
    }
    return client(std::move(options));
}

http_request client::cacerts(bool with_password) const {
    return request(operation::cacerts, with_password);
}
http_request client::csrattrs(bool with_password) const {
    return request(operation::csrattrs, with_password);
}
http_request client::simpleenroll(bytes_view csr, bool with_password) const {
    return post(operation::simpleenroll, csr, with_password);
}
http_request client::simplereenroll(bytes_view csr, bool with_password) const {
    return post(operation::simplereenroll, csr, with_password);
}
http_request client::serverkeygen(bytes_view csr, bool with_password) const {
    http_request out = post(operation::serverkeygen, csr, with_password);
    out.headers.add("Accept", std::string(type::multipart));
    return out;
}

http_request client::tpmenroll(std::string body, bool with_password) const {
    http_request out = request(operation::tpmenroll, with_password);
    out.headers.add("Content-Type", body_writer::content_type());
    out.headers.add("Accept", std::string(type::multipart));
    out.body = std::move(body);
    return out;
}

}  // namespace berth::est
