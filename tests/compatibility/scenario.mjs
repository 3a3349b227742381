// What scenario_4.py does, by the official client for Node: node scenario.mjs MODULE URL KEY A B MISSING
import { createRequire } from "node:module";

const [folder, baseURL, privateKey, a, b, missing] = process.argv.slice(2);
const found = createRequire(`${folder}/`)("@imagekit/nodejs");
const ImageKit = found.default || found;
const client = (key) => new ImageKit({ privateKey: key, baseURL, maxRetries: 0 });
const own = client(privateKey);
const updated = (answer) => answer.successfullyUpdatedFileIds;
const both = async () => {
  const file = await own.files.get(a);
  return [file.tags, file.AITags.map((tag) => tag.name)];
};
const refused = (call) =>
  call.then(
    () => ["not refused"],
    (error) => [error.status, error.error.message, error.error.missingFileIds ?? null],
  );

const told = {
  found: (
    await own.assets.list({ searchQuery: 'tags IN ["shoes"] OR size >= 20', sort: "ASC_NAME", limit: 10, skip: 0 })
  ).map((file) => file.name),
  details: await both(),
  added: updated(await own.files.bulk.addTags({ fileIds: [a, b], tags: ["new"] })),
  removed: updated(await own.files.bulk.removeTags({ fileIds: [a, b], tags: ["shoes"] })),
  removedAI: updated(await own.files.bulk.removeAITags({ fileIds: [a, b], AITags: ["Person"] })),
  after: await both(),
  updated: (await own.files.update(a, { tags: ["one", "two"], removeAITags: ["Shoe"] })).tags,
  missing: await refused(own.files.bulk.addTags({ fileIds: [a, missing], tags: ["new"] })),
  tooMany: await refused(own.files.bulk.addTags({ fileIds: Array(51).fill(a), tags: ["new"] })),
  wrongKey: await refused(client("private_wrong").files.get(a)),
};
process.stdout.write(JSON.stringify(told));
