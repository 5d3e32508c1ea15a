// apr.h - apr_rmm of the Apache Portable Runtime's utilities: relocatable
// memory, over shared memory without a name and a mutex between processes.
#pragma once

#include <apr_anylock.h>
#include <apr_general.h>
#include <apr_rmm.h>
#include <apu_version.h>
#include <string>
#include <sys/mman.h>

#include "../block.h"

class Allocator
{
      public:
	static constexpr bool kBetweenProcesses = true;

	explicit Allocator(std::size_t region)
	{
		void *base = mmap(nullptr, region, PROT_READ | PROT_WRITE,
		                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (base == MAP_FAILED)
			fail("mmap", "no region for apr_rmm");
		require(apr_initialize());
		require(apr_pool_create(&pool_, nullptr));
		apr_anylock_t lock = {};
		lock.type = apr_anylock_t::apr_anylock_procmutex;
		// Between threads too: what a pthread mutex in shared memory gives.
		require(apr_proc_mutex_create(&lock.lock.pm, nullptr, APR_LOCK_PROC_PTHREAD,
		                              pool_));
		require(apr_rmm_init(&rmm_, &lock, base, region, pool_));
	}

	Block allocate(std::size_t size)
	{
		return apr_rmm_malloc(rmm_, size);
	}

	Block resize(Block block, std::size_t size)
	{
		return apr_rmm_realloc(rmm_, address(block), size);
	}

	void release(Block block)
	{
		require(apr_rmm_free(rmm_, block));
	}

	void *address(Block block)
	{
		return apr_rmm_addr_get(rmm_, block);
	}

	// It cannot tell.
	std::size_t claimed()
	{
		return 0;
	}

	bool is_empty()
	{
		return true;
	}

	static std::string version()
	{
		return APU_VERSION_STRING;
	}

      private:
	static void require(apr_status_t status)
	{
		if (status != APR_SUCCESS)
			fail("apr_rmm", "a call failed");
	}

	apr_pool_t *pool_ = nullptr;
	apr_rmm_t *rmm_ = nullptr;
};
