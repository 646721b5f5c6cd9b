// A test suite that shares one small world of real processes.
#pragma once

#include "crypto/random.h"
#include "scene/world.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"

namespace berth::test {

class world_suite : public testing::Test {
protected:
    static void SetUpTestSuite() {
        directory = std::make_unique<temporary_directory>();
        app::world::options how;
        how.directory = directory->path();
        how.programs = BERTH_BIN_DIR;
        how.customers = {"Birch", "Cedar"};
        auto made = app::world::make(how, system_clock(), crypto::system_random());
        ASSERT_TRUE(made) << made.error().message;
        world = std::move(*made);
    }
    static void TearDownTestSuite() {
        world.reset();
        directory.reset();
    }

    static std::filesystem::path make(app::device_order order, const std::string& customer) {
        auto bundle = world->make_device(std::move(order), customer);
        EXPECT_TRUE(bundle) << bundle.error().message;
        return *bundle;
    }

    inline static std::unique_ptr<temporary_directory> directory;
    inline static std::unique_ptr<app::world> world;
};

}  // namespace berth::test
