// The browser's store of events, which outlives the tab. An address has one store, whichever workspace is served there.

const EVENTS = "events";

function promised(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function openDatabase() {
  const request = indexedDB.open("fertools-ratings", 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(EVENTS, { keyPath: "id" }).createIndex("order", "order");
  };
  return promised(request);
}

export class Store {
  #database = null;

  /** Whether events outlive this tab; a private window may have no store. */
  get works() {
    return this.#database !== null;
  }

  /** Open the store; resolves with all entries in order. */
  async open() {
    try {
      this.#database = await openDatabase();
      return await promised(this.#database.transaction(EVENTS).objectStore(EVENTS).index("order").getAll());
    } catch {
      this.#database = null;
      return [];
    }
  }

  // The transaction begins and commits immediately, so an event survives even if the tab's process dies right after it.
  // The browser runs transactions in order, so no event is deleted before it is stored.
  change(make) {
    if (!this.#database) return Promise.resolve();
    return new Promise((resolve) => {
      let transaction;
      try {
        transaction = this.#database.transaction(EVENTS, "readwrite", { durability: "strict" });
        make(transaction.objectStore(EVENTS));
        transaction.commit();
      } catch {
        // The browser has closed the store, for example because its data were cleared.
        this.#database = null;
        return resolve();
      }
      transaction.oncomplete = () => resolve();
      transaction.onerror = transaction.onabort = () => {
        this.#database = null;
        resolve();
      };
    });
  }
}
