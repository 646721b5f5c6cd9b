// The files of authkem/ below $BERTH_VECTORS_DIR, as configurations of our own endpoints.
#pragma once

#include "authkem/connection.h"
#include "wire/json.h"

#include <filesystem>
#include <map>

namespace berth::authkem::vectors {

// Where the vectors are; nothing when they are not there (a checkout by itself).
std::optional<std::filesystem::path> directory();
std::vector<std::filesystem::path> positive_files();

// A recorded stream of randomness. Asking for more than it has is a failure of the test.
class recorded_random final : public random_source {
public:
    explicit recorded_random(bytes stream) : stream_(std::move(stream)) {}
    void fill(std::span<uint8_t> out) override;
    [[nodiscard]] size_t left() const { return stream_.size() - at_; }

private:
    bytes stream_;
    size_t at_ = 0;
};

bytes hex(const wire::json::value& value);
const wire::json::object& member(const wire::json::object& object, std::string_view name);
std::string text(const wire::json::object& object, std::string_view name);

// The named certificates and keys of a file.
class material {
public:
    explicit material(const wire::json::object& file);
    [[nodiscard]] const pki::certificate& certificate(std::string_view name) const;
    [[nodiscard]] credential make_credential(const wire::json::object& description) const;
    [[nodiscard]] crypto::kem_public_key public_key(std::string_view name) const;
    [[nodiscard]] pki::trust_store trust(const wire::json::object& endpoint) const;

private:
    std::map<std::string, pki::certificate, std::less<>> certificates_;
    const wire::json::object& file_;
};

client_config client_from(const wire::json::object& endpoint, const material& named);
server_config server_from(const wire::json::object& endpoint, const material& named);

// One endpoint of a file, ready to start, with everything that it tells of its secrets.
class endpoint {
public:
    endpoint(const wire::json::object& description, const material& named, role side, unix_seconds now);

    connection& line() { return *line_; }
    [[nodiscard]] const recorded_random& random() const { return random_; }
    // Every secret told, in order.
    [[nodiscard]] const std::vector<std::pair<std::string, bytes>>& secrets() const { return secrets_; }
    // The secret told last under that name; empty: none.
    [[nodiscard]] bytes secret(std::string_view name) const;

private:
    manual_clock clock_;
    recorded_random random_;
    std::vector<std::pair<std::string, bytes>> secrets_;
    std::unique_ptr<connection> line_;
};

wire::json::object load(const std::filesystem::path& path);

}  // namespace berth::authkem::vectors
