/* Linux's numbers; functions return them negative. */
#pragma once
#define ENOENT 2
#define EIO 5
#define EAGAIN 11
#define ENOMEM 12
#define EFAULT 14
#define ENODEV 19
#define EBUSY 16
#define EINVAL 22
#define ENOSYS 38
#define EPROTO 71
#define EMSGSIZE 90
#define ENETDOWN 100
#define ENOTCONN 107
