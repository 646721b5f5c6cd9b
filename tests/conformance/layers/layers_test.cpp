// The house rules that a machine can see: dependencies point downwards only, OpenSSL and Asio stay in their rooms, no file is
// over 800 lines.
#include <filesystem>
#include <fstream>
#include <regex>

namespace {

namespace fs = std::filesystem;

// Lowest first; folders of one group do not see each other.
const std::vector<std::vector<std::string>> layers{{"base"},
                                                   {"wire"},
                                                   {"crypto"},
                                                   {"pki"},
                                                   {"attestation"},
                                                   {"keystore"},
                                                   {"authkem", "jose", "est", "ca", "identity"},
                                                   {"onboarding", "messaging", "firmware"},
                                                   {"factory"},
                                                   {"registry"},
                                                   {"store", "net", "ops", "hub"},
                                                   {"provisioning"}};

int layer_of(const std::string& folder) {
    for (size_t i = 0; i < layers.size(); ++i) {
        if (std::find(layers[i].begin(), layers[i].end(), folder) != layers[i].end()) {
            return static_cast<int>(i);
        }
    }
    return -1;
}

struct source {
    fs::path path;       // relative to the checkout
    std::string folder;  // "authkem" of src/authkem/...
    std::vector<std::string> includes;
    size_t lines = 0;
};

std::vector<source> read(const std::string& below) {
    std::vector<source> out;
    static const std::regex include(R"(^\s*#\s*include\s*[<"]([^">]+)[">])");
    const fs::path root = BERTH_SOURCE_DIR;
    for (const auto& entry : fs::recursive_directory_iterator(root / below)) {
        const auto extension = entry.path().extension();
        if (!entry.is_regular_file() || (extension != ".h" && extension != ".cpp")) {
            continue;
        }
        source s;
        s.path = fs::relative(entry.path(), root);
        s.folder = std::next(s.path.begin())->string();
        std::ifstream in(entry.path());
        for (std::string line; std::getline(in, line); ++s.lines) {
            std::smatch found;
            if (std::regex_search(line, found, include)) {
                s.includes.push_back(found[1]);
            }
        }
        out.push_back(std::move(s));
    }
    return out;
}

bool starts_with_any(const std::string& text, std::initializer_list<std::string_view> prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(), [&](auto p) { return text.starts_with(p); });
}

TEST(Layers, EveryFolderHasItsPlace) {
    for (const auto& entry : fs::directory_iterator(fs::path(BERTH_SOURCE_DIR) / "src")) {
        if (entry.is_directory()) {
            EXPECT_GE(layer_of(entry.path().filename().string()), 0) << entry.path() << " is in no layer";
        }
    }
}

TEST(Layers, DependenciesPointDownwardsOnly) {
    for (const auto& s : read("src")) {
        for (const auto& include : s.includes) {
            const std::string other = include.substr(0, include.find('/'));
            if (other == s.folder || include.find('/') == std::string::npos || layer_of(other) < 0) {
                continue;
            }
            // The one macro header that programs and store share has no dependency at all.
            EXPECT_LT(layer_of(other), layer_of(s.folder)) << s.path << " includes " << include;
        }
        for (const auto& include : s.includes) {
            EXPECT_FALSE(starts_with_any(include, {"roles/", "device/onboarding_run", "setup/", "scene/", "common/"}))
                << s.path << " includes " << include << " of apps/";
        }
    }
}

TEST(Layers, OpensslStaysInItsRooms) {
    for (const char* below : {"src", "apps"}) {
        for (const auto& s : read(below)) {
            const std::string name = s.path.filename().string();
            const bool room =
                starts_with_any(s.path.string(), {"src/crypto/", "src/pki/", "src/attestation/", "src/keystore/", "src/net/",
                                                  "apps/broker-plugin/"}) &&
                (name.ends_with(".cpp") || name.find("openssl") != std::string::npos || name.find("_asio") != std::string::npos);
            for (const auto& include : s.includes) {
                EXPECT_TRUE(room || !include.starts_with("openssl/")) << s.path << " includes " << include;
            }
        }
    }
}

TEST(Layers, AsioStaysInNet) {
    size_t beast = 0;
    for (const char* below : {"src", "apps"}) {
        for (const auto& s : read(below)) {
            const std::string name = s.path.filename().string();
            const bool room =
                s.path.string().starts_with("src/net/") && (name.ends_with(".cpp") || name.find("_asio") != std::string::npos);
            for (const auto& include : s.includes) {
                EXPECT_TRUE(room || !starts_with_any(include, {"boost/asio", "boost/beast"}))
                    << s.path << " includes " << include;
            }
            beast +=
                std::any_of(s.includes.begin(), s.includes.end(), [](const auto& i) { return i.starts_with("boost/beast"); });
        }
    }
    EXPECT_LE(beast, 12u) << "each translation unit that sees Beast costs most of a minute";
}

TEST(Layers, NoFileIsOver800Lines) {
    for (const char* below : {"src", "apps", "tests"}) {
        for (const auto& s : read(below)) {
            EXPECT_LE(s.lines, 800u) << s.path;
        }
    }
}

}  // namespace
