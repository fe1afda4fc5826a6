#pragma once
#define BOARD_NAME "virt64"
#include "../virt.h"
