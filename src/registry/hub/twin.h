// The twin of a device or module (row B5): what its owner wants of it (desired) and what it says of itself (reported), two JSON
// objects, each with a version that goes up by one with each change. Names, limits and the meaning of null are those of the
// service whose SDKs work against us unchanged.
//
// Tags, which SDKs show in the same document, are the identity's (identity_settings).
#pragma once

#include "base/clock.h"
#include "registry/hub/identity.h"
#include "wire/json.h"

#include <vector>

namespace berth::registry {

inline constexpr size_t most_twin_section = 32 * 1024;  // octets of JSON, of each of the two
inline constexpr size_t most_twin_depth = 10;           // of objects in objects, of a section
inline constexpr size_t most_twin_name = 1024;          // octets of a property's name
inline constexpr size_t most_twin_text = 4 * 1024;      // octets of a text

struct twin_section {
    wire::json::object properties;
    uint64_t version = 1;
    unix_seconds changed = 0;  // 0: never
    friend bool operator==(const twin_section&, const twin_section&) = default;
};

struct twin {
    twin_section desired, reported;
    // Together with the identity's: what If-Match is about is desired properties and tags.
    [[nodiscard]] std::string etag(const identity& of) const;
    friend bool operator==(const twin&, const twin&) = default;
};

// What is changed in a section. Members of `patch` take the places of those of the same name, objects are gone into, null takes a
// member out. The version goes up, also when nothing is another than before. Errors (usage) `bad_twin`, param "path": a name with
// a control character, dot, blank or dollar sign, or too long; a text that is too long; a null in an array; too deep.
// `twin_too_large`.
result<twin_section> patched(const twin_section& before, const wire::json::object& patch, unix_seconds now);
// All of it anew. Errors as patched().
result<twin_section> replaced(const twin_section& before, const wire::json::object& whole, unix_seconds now);

// What leads from `before` to `after` as a patch, with null for what is gone: an array that is another is told whole.
wire::json::object difference(const wire::json::object& before, const wire::json::object& after);

// What became of desired properties, in order, for who tells devices. Numbers go up, without saying how many there were.
struct desired_news {
    uint64_t number = 0;
    identity_name name;
    uint64_t version = 0;
    std::string patch;  // JSON, without $version
    friend bool operator==(const desired_news&, const desired_news&) = default;
};
inline constexpr int64_t most_desired_news = 10'000;  // older ones are gone: a device reads its twin when it comes

// Of identities that are there; goes with them.
class twin_registry {
public:
    virtual ~twin_registry() = default;
    // One that nobody has set anything of is empty, at version 1.
    virtual result<twin> twin_of(const identity_name& name) = 0;
    // In place of the section that it had, whose version was one less; error (peer) `etag_mismatch` if it is another by now, or
    // the identity is gone.
    // `patch`: how it came to that, which is told to the device.
    virtual result<void> set_desired(const identity_name& name, const twin_section& after, const wire::json::object& patch) = 0;
    virtual result<void> set_reported(const identity_name& name, const twin_section& after) = 0;

    virtual result<std::vector<desired_news>> news(uint64_t after, size_t most) = 0;
    virtual result<uint64_t> newest_news() = 0;
};

}  // namespace berth::registry
