#pragma once
#define BOARD_NAME "virt32"
#include "../virt.h"
