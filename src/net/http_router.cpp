#include "net/http_router.h"

#include <cstdlib>

namespace berth::net {

namespace {

constexpr std::array<std::string_view, 9> known_methods{"GET",   "HEAD",    "POST",  "PUT",    "DELETE",
                                                        "PATCH", "OPTIONS", "TRACE", "CONNECT"};

std::vector<std::string_view> segments_of(std::string_view path) {
    std::vector<std::string_view> out;
    path.remove_prefix(path.starts_with('/') ? 1 : 0);
    while (true) {
        const size_t slash = path.find('/');
        out.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos) {
            return out;
        }
        path.remove_prefix(slash + 1);
    }
}

http_response refuse(unsigned status, const char* name, std::string message) {
    return http_response::failure({error_category::usage, name, std::move(message)}, status);
}

}  // namespace

// ---- responder

struct http_responder::state {
    sink to;
    ~state() {
        if (to) {
            to(refuse(500, "no_response", "the request was dropped without an answer"));
        }
    }
};

http_responder::http_responder(sink to) : state_(std::make_shared<state>()) {
    state_->to = std::move(to);
}

void http_responder::operator()(http_response response) const {
    if (const sink to = std::exchange(state_->to, nullptr)) {
        to(std::move(response));
    }
}

bool http_responder::answered() const {
    return !state_->to;
}

// ---- routes

struct http_router::node {
    struct route {
        async_handler handle;  // empty: not implemented
        http_route_options options;
        std::string path;
    };
    std::map<std::string, std::unique_ptr<node>, std::less<>> fixed;
    std::unique_ptr<node> named;  // for any one segment
    std::unique_ptr<node> rest;   // for all that is left
    std::string name;
    std::map<std::string, route, std::less<>> routes;  // by method
    std::unique_ptr<websocket_route> websocket;        // instead of those
    std::string websocket_path;

    node& below(std::string_view segment) {
        if (!segment.starts_with('{')) {
            auto& next = fixed[std::string(segment)];
            if (!next) {
                next = std::make_unique<node>();
            }
            return *next;
        }
        segment = segment.substr(1, segment.size() - 2);
        const bool takes_rest = segment.ends_with("...");
        auto& next = takes_rest ? rest : named;
        if (!next) {
            next = std::make_unique<node>();
            next->name = segment.substr(0, segment.size() - (takes_rest ? 3 : 0));
        }
        return *next;
    }

    // The node for these segments, filling in what names stand for.
    const node* match(std::span<const std::string_view> segments,
                      std::vector<std::pair<std::string, std::string>>& params) const {
        if (segments.empty()) {
            return routes.empty() && !websocket ? nullptr : this;
        }
        if (const auto next = fixed.find(segments[0]); next != fixed.end()) {
            if (const node* found = next->second->match(segments.subspan(1), params)) {
                return found;
            }
        }
        if (segments[0].empty()) {
            return nullptr;
        }
        if (named) {
            params.emplace_back(named->name, segments[0]);
            if (const node* found = named->match(segments.subspan(1), params)) {
                return found;
            }
            params.pop_back();
        }
        if (!rest) {
            return nullptr;
        }
        const char* begin = segments.front().data();
        params.emplace_back(rest->name,
                            std::string(begin, static_cast<size_t>(segments.back().data() + segments.back().size() - begin)));
        return rest.get();
    }
};

http_router::http_router() : root_(std::make_unique<node>()) {}
http_router::~http_router() = default;
http_router::http_router(http_router&&) noexcept = default;
http_router& http_router::operator=(http_router&&) noexcept = default;

void http_router::add_async(const std::string& method, const std::string& path, async_handler handle,
                            http_route_options options) {
    node* at = root_.get();
    for (const std::string_view segment : segments_of(path)) {
        at = &at->below(segment);
    }
    at->routes[method] = node::route{std::move(handle), std::move(options), path};
}

void http_router::add(const std::string& method, const std::string& path, handler handle, http_route_options options) {
    add_async(
        method, path,
        [handle = std::move(handle)](const http_request& request, const http_responder& respond) { respond(handle(request)); },
        options);
}

void http_router::add_websocket(const std::string& path, websocket_route how) {
    node* at = root_.get();
    for (const std::string_view segment : segments_of(path)) {
        at = &at->below(segment);
    }
    at->websocket = std::make_unique<websocket_route>(std::move(how));
    at->websocket_path = path;
}

void http_router::not_implemented(const std::string& method, const std::string& path) {
    add_async(method, path, async_handler());
}

http_router::found http_router::find(const std::string& method, std::string_view path) const {
    found out;
    if (std::find(known_methods.begin(), known_methods.end(), method) == known_methods.end()) {
        out.refusal = refuse(501, "not_implemented", "there is no such method");
        return out;
    }
    std::vector<std::pair<std::string, std::string>> params;
    const auto segments = segments_of(path);
    const node* at = path.starts_with('/') ? root_->match(segments, params) : nullptr;
    if (!at) {
        out.refusal = refuse(404, "not_found", "there is nothing at this path");
        return out;
    }
    if (at->websocket) {
        out.websocket = at->websocket.get();
        out.route = at->websocket_path;
        return out;
    }
    auto route = at->routes.find(method);
    if (route == at->routes.end() && method == "HEAD") {
        route = at->routes.find("GET");
    }
    if (route == at->routes.end()) {
        std::string allowed;
        for (const auto& [name, unused] : at->routes) {
            allowed += (allowed.empty() ? "" : ", ") + name + (name == "GET" ? ", HEAD" : "");
        }
        out.refusal = refuse(405, "method_not_allowed", "this path takes " + allowed);
        // RFC 9110 15.5.6: "The origin server MUST generate an Allow header field in a 405 response".
        out.refusal.headers.add("Allow", allowed);
        return out;
    }
    out.route = route->second.path;
    if (!route->second.handle) {
        out.refusal = refuse(501, "not_implemented", "this build does not have what the path stands for");
        return out;
    }
    for (auto& [name, value] : params) {
        auto decoded = percent_decode(value);
        if (!decoded) {
            out.refusal = http_response::failure(decoded.error(), 400);
            return out;
        }
        out.params[name] = std::move(*decoded);
    }
    out.handle = &route->second.handle;
    out.most_body = route->second.options.most_body;
    out.at_head = route->second.options.at_head ? &route->second.options.at_head : nullptr;
    return out;
}

}  // namespace berth::net
