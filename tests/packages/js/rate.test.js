import assert from "node:assert/strict";
import { test } from "node:test";
import { Rate } from "../../../src/posthouse/packages/static/packages/rate.js";

test("a steady stream has its own speed from the start", () => {
  const rate = new Rate();
  for (let second = 0; second <= 10; second += 0.25) rate.note(second, second * 1000);
  assert.ok(Math.abs(rate.speed - 1000) < 1);
  assert.ok(Math.abs(rate.left(5000) - 5) < 0.01);
});

test("nothing is foretold before anything moved for a while", () => {
  const rate = new Rate();
  assert.equal(rate.speed, 0);
  assert.equal(rate.left(1000), null);
  rate.note(0, 0);
  rate.note(1, 1000);
  assert.equal(rate.left(1000), null);
});

test("a burst does not throw the figure about", () => {
  const rate = new Rate();
  let sent = 0;
  for (let second = 0; second <= 20; second += 0.25) rate.note(second, (sent += 250));
  rate.note(20.25, sent + 25_000);
  assert.ok(rate.speed < 6000, `${rate.speed}`);
});

test("it follows a lasting change within seconds", () => {
  const rate = new Rate();
  let sent = 0;
  for (let second = 0; second <= 20; second += 0.25) rate.note(second, (sent += 250));
  for (let second = 20.25; second <= 36; second += 0.25) rate.note(second, (sent += 2500));
  assert.ok(rate.speed > 9000, `${rate.speed}`);
});

test("a pause is not slowness, and bytes that were lost are no negative speed", () => {
  const rate = new Rate();
  for (let second = 0; second <= 5; second += 1) rate.note(second, second * 1000);
  rate.pause();
  rate.note(100, 5000);
  assert.ok(Math.abs(rate.speed - 1000) < 1);
  rate.note(101, 2000);
  assert.ok(rate.speed >= 0);
});
