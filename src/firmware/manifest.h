// A manifest: one release of the firmware of one class of devices.
#pragma once

#include "firmware/document.h"

#include <optional>

namespace berth::firmware {

inline constexpr uint64_t most_image = uint64_t{1} << 40;  // octets
inline constexpr size_t most_components = 64, most_deltas = 16;

// Octets of a repository: images/DIGEST.
struct stored_octets {
    std::string digest;  // SHA-256, lower-case hexadecimal
    uint64_t size = 0;
};

// What makes the image of a component out of another one (delta.h).
struct delta {
    stored_octets from;  // what must be there, exactly
    stored_octets patch;
};

struct component {
    std::string id;
    stored_octets image;
    std::vector<delta> deltas;
};

struct manifest {
    std::string repository;
    uint64_t seq = 1;               // of this class; each release has a higher one
    std::string version;            // for people
    uint64_t min_seq = 0;           // the lowest that this can be installed over
    uint64_t security_counter = 0;  // what the device's counter is raised to once this is confirmed
    unix_seconds issued = 0, expires = 0;
    std::string vendor, device_class;
    std::vector<std::string> revisions;  // of the hardware; none: all
    std::vector<component> components;   // in the order in which they are written
    struct dependency {
        std::string device_class;
        uint64_t min_seq = 0;
    };
    std::vector<dependency> dependencies;
    struct {
        bool migrates = false;       // what it keeps is in a form that the one before cannot read
        uint64_t readable_from = 0;  // seq of the lowest release that can read what this one writes
    } data;
    struct {
        uint64_t free_space = 0;  // octets, beside what the images need
        unsigned battery_percent = 0;
    } needs;

    [[nodiscard]] const component* find(std::string_view id) const;
};

wire::json::object to_json(const manifest& m);
// Errors bad_document, unsupported_schema, unknown_member.
result<manifest> read_manifest(const wire::json::object& payload);

}  // namespace berth::firmware
