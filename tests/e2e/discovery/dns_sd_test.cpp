// A device finds its registrar by DNS-SD: two network namespaces joined by a cable, an Avahi daemon in each, the registrar's
// berthd with `announce = true` in one and `berth device onboard` in the other. Everything is made and ended here; the
// machine's own network, D-Bus and Avahi are not touched.
#include "common/files.h"
#include "crypto/random.h"
#include "scene/world.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"
#include "support/small_world.h"

#include <sched.h>
#include <unistd.h>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* registrar_address = "10.199.0.1";

int shell(const std::string& command) {
    auto child = app::child_process::start("/bin/sh", {"-c", command});
    if (!child) {
        return -1;
    }
    const milliseconds until = system_clock().steady() + 20'000;
    while (!child->ended() && system_clock().steady() < until) {
        app::poll_children({&*child}, 50);
    }
    return child->exit_code().value_or(-1);
}

constexpr const char* bus_configuration = R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>
  </policy>
</busconfig>
)";

// One end of the cable: a D-Bus and an Avahi daemon of its own. `enter`: what brings a command into its namespace.
class station {
public:
    station(const fs::path& directory, std::string name, std::string enter) : base_(directory / name), enter_(std::move(enter)) {
        EXPECT_TRUE(app::make_directory(base_));
        EXPECT_TRUE(app::write_text(base_ / "bus.conf", fmt::format(bus_configuration, (base_ / "bus").string())));
        EXPECT_TRUE(app::write_text(base_ / "avahi.conf", fmt::format("[server]\nhost-name={}\nuse-ipv4=yes\nuse-ipv6=no\n"
                                                                      "allow-interfaces=berth-{}\nenable-dbus=yes\n"
                                                                      "[publish]\npublish-workstation=no\n",
                                                                      name, name)));
        bus_.emplace(start("exec dbus-daemon --nofork --nopidfile --config-file=" + (base_ / "bus.conf").string()));
        for (int i = 0; i < 100 && !fs::exists(base_ / "bus"); ++i) {
            app::poll_children({&*bus_}, 50);
        }
        start_avahi();
    }
    // The variable that leads a program to this bus.
    [[nodiscard]] std::string environment() const { return "DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + (base_ / "bus").string(); }
    [[nodiscard]] const std::string& enter() const { return enter_; }
    void start_avahi() {
        // /run of its own: two daemons of one machine would fight for the same place there.
        avahi_.emplace(
            start("exec unshare -m --propagation private /bin/sh -c 'mount -t tmpfs tmpfs /run && mkdir /run/avahi-daemon && "
                  "exec avahi-daemon --no-drop-root --no-chroot --no-rlimits --file=" +
                  (base_ / "avahi.conf").string() + "'"));
    }
    void stop_avahi() { avahi_.reset(); }
    // Whether Avahi answers on the bus.
    [[nodiscard]] bool answers() {
        for (int i = 0; i < 50; ++i) {
            if (shell(fmt::format("{} {} dbus-send --system --print-reply --dest=org.freedesktop.Avahi / "
                                  "org.freedesktop.Avahi.Server.GetState | grep -q 'int32 2'",
                                  environment(), enter_)) == 0) {
                return true;
            }
            app::poll_children({&*bus_, &*avahi_}, 200);
        }
        return false;
    }

private:
    app::child_process start(const std::string& command) {
        return got(app::child_process::start(
            "/bin/sh", {"-c", enter_.empty() ? command : "exec " + enter_ + " /bin/sh -c \"" + command + "\""}, {environment()}));
    }
    fs::path base_;
    std::string enter_;
    std::optional<app::child_process> bus_;
    std::optional<app::child_process> avahi_;
};

class DnsSd : public testing::Test {
protected:
    static void SetUpTestSuite() {
        why_not = make_network();
        if (!why_not.empty()) {
            return;
        }
        world = start_world(directory->path() / "world", {"Birch"});
        ASSERT_TRUE(world);
    }
    static void TearDownTestSuite() {
        world.reset();
        device.reset();
        registrar.reset();
        far_end.reset();
        directory.reset();
    }
    void SetUp() override {
        if (!why_not.empty()) {
            GTEST_SKIP() << why_not;
        }
        ASSERT_TRUE(world) << "the daemons did not start";
    }

    // Empty when all is there, else what is missing.
    static std::string make_network() {
        if (::geteuid() != 0) {
            return "needs root, for network namespaces";
        }
        for (const char* program : {"avahi-daemon", "dbus-daemon", "dbus-send", "ip", "nsenter", "unshare"}) {
            if (shell(fmt::format("command -v {} > /dev/null", program)) != 0) {
                return fmt::format("{} is not installed", program);
            }
        }
        if (::unshare(CLONE_NEWNET) != 0 || shell("unshare -m --propagation private mount -t tmpfs tmpfs /run") != 0) {
            return "this machine allows no namespaces of our own";
        }
        directory = std::make_unique<temporary_directory>();
        far_end.emplace(got(app::child_process::start("/bin/sh", {"-c", "exec unshare -n sleep 600"})));
        const pid_t far = far_end->pid();
        const std::string enter = fmt::format("nsenter --net=/proc/{}/ns/net", far);
        // Its namespace is another one once unshare has done its work.
        for (int i = 0;
             i < 100 && shell(fmt::format("test $(readlink /proc/{}/ns/net) != $(readlink /proc/$$/ns/net)", far)) != 0; ++i) {
            app::poll_children({&*far_end}, 50);
        }
        if (shell(fmt::format("ip link set lo up && ip link add berth-registrar type veth peer name berth-device netns {} && "
                              "ip addr add {}/24 dev berth-registrar && ip link set berth-registrar up && {} /bin/sh -c "
                              "'ip link set lo up && ip addr add 10.199.0.2/24 dev berth-device && ip link set berth-device up'",
                              far, registrar_address, enter)) != 0) {
            return "no pair of virtual interfaces can be made here";
        }
        registrar = std::make_unique<station>(directory->path(), "registrar", "");
        device = std::make_unique<station>(directory->path(), "device", enter);
        return registrar->answers() && device->answers() ? "" : "avahi-daemon does not come up here";
    }

    static fs::path make_device(const std::string& serial) {
        auto order = world->order_for(serial, "Birch");
        order.registrars.clear();
        order.masa.clear();
        order.discovery = {"dns-sd"};
        return got(world->make_device(order, "Birch"));
    }
    // On the other end of the cable.
    static program_result onboard(const fs::path& bundle, const std::string& environment = device->environment()) {
        const std::string command = fmt::format("exec env {} {} {}/berth --json device onboard --bundle {}", environment,
                                                device->enter(), BERTH_BIN_DIR, bundle.string());
        return run_program("/bin/sh", {"-c", command});
    }
    // Berthd as its documentation says: reached from elsewhere, and announced.
    static void announce() {
        const fs::path file = world->customer("Birch").registrar / "berthd.toml";
        std::string toml = got(app::read_text(file));
        const std::string port = std::to_string(world->customer("Birch").kk2.port);
        for (const auto& [was, is] :
             {std::pair<std::string, std::string>{"listen = \"127.0.0.1:" + port, "listen = \"0.0.0.0:" + port},
              {"announce = false", "announce = true"}}) {
            const size_t at = toml.find(was);
            ASSERT_NE(at, std::string::npos) << was;
            toml.replace(at, was.size(), is);
        }
        ASSERT_TRUE(app::write_text(file, toml));
        const std::string variable = registrar->environment();
        const size_t equals = variable.find('=');
        const auto started = world->restart("Birch", {{variable.substr(0, equals), variable.substr(equals + 1)}});
        ASSERT_TRUE(started) << started.error().message;
    }
    // The registrar may take a moment to be heard.
    static program_result onboard_until_found(const fs::path& bundle) {
        program_result r;
        for (int i = 0; i < 6; ++i) {
            r = onboard(bundle);
            (void)world->events(0);
            if (r.error_name() != "no_registrar" && r.error_name() != "masa_unreachable") {
                break;
            }
        }
        return r;
    }

    static std::string why_not;
    static std::unique_ptr<temporary_directory> directory;
    static std::optional<app::child_process> far_end;
    static std::unique_ptr<station> registrar;
    static std::unique_ptr<station> device;
    static std::unique_ptr<app::world> world;
};
std::string DnsSd::why_not;
std::unique_ptr<temporary_directory> DnsSd::directory;
std::optional<app::child_process> DnsSd::far_end;
std::unique_ptr<station> DnsSd::registrar;
std::unique_ptr<station> DnsSd::device;
std::unique_ptr<app::world> DnsSd::world;

TEST_F(DnsSd, NobodyAnnouncesIsNamed) {
    const auto bundle = make_device("D-1");
    const auto r = onboard(bundle);
    EXPECT_EQ(r.exit, 3) << r.all();
    EXPECT_EQ(r.error_name(), "no_registrar");
    EXPECT_FALSE(fs::exists(bundle / "installed"));
}

TEST_F(DnsSd, NoAvahiIsNamed) {
    const auto bundle = make_device("D-2");
    const auto r = onboard(bundle, "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere");
    EXPECT_EQ(r.exit, 3) << r.all();
    EXPECT_EQ(r.error_name(), "dns_sd_unavailable");
    EXPECT_FALSE(fs::exists(bundle / "installed"));
}

TEST_F(DnsSd, AnnouncedRegistrarIsFoundAndOnboards) {
    announce();
    const auto r = onboard_until_found(make_device("D-3"));
    EXPECT_EQ(r.exit, 0) << r.all();
    EXPECT_EQ(r.json().at("registrar").as_string(), fmt::format("{}:{}", registrar_address, world->customer("Birch").kk2.port));
    EXPECT_EQ(r.json().at("customer").as_string(), "Birch");
}

// "comes back by itself when the daemon restarts"
TEST_F(DnsSd, AnnouncementComesBackWithTheDaemon) {
    registrar->stop_avahi();
    registrar->start_avahi();
    ASSERT_TRUE(registrar->answers());
    // What the device's side remembers of the first announcement must not be what is found.
    device->stop_avahi();
    device->start_avahi();
    ASSERT_TRUE(device->answers());
    const auto r = onboard_until_found(make_device("D-4"));
    EXPECT_EQ(r.exit, 0) << r.all();
}

TEST_F(DnsSd, RegistrarThatEndsIsFoundNoMore) {
    world->stop();
    const auto bundle = make_device("D-5");
    program_result r;
    for (int i = 0; i < 6 && r.error_name() != "no_registrar"; ++i) {
        r = onboard(bundle);
    }
    EXPECT_EQ(r.exit, 3) << r.all();
    EXPECT_EQ(r.error_name(), "no_registrar");
}

}  // namespace
}  // namespace berth::test
